import type { Statement } from '#db/pool';
import type { OrganizationId, PurchaseId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { Difference } from '#payments/differences';
import type { PurchaseState } from '#payments/purchase';

/** A purchase as a reconciliation needs it. */
export interface Sold {
  readonly organizationId: OrganizationId;
  readonly id: PurchaseId;
  readonly state: PurchaseState;
  readonly environment: string;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly total: NanoUsd;
  readonly paymentIntentId: string | null;
  readonly grantId: string | null;
  readonly chargedAt: Date | null;
}

const SOLD = `
  organization_id AS "organizationId", id, state, environment, credit_nanos AS credit,
  tax_nanos AS tax, total_nanos AS total, payment_intent_id AS "paymentIntentId",
  grant_id AS "grantId", charged_at AS "chargedAt"`;

export const soldBy = (payments: readonly string[]): Statement => ({
  text: `SELECT ${SOLD} FROM payments.purchases WHERE payment_intent_id = ANY ($1)`,
  values: [payments],
});

export const creditedBetween = (
  environment: string,
  provider: string,
  range: { readonly from: Date; readonly to: Date | undefined },
  after: readonly [organizationId: string, id: string],
  limit: number,
): Statement => ({
  text: `SELECT ${SOLD} FROM payments.purchases
    WHERE environment = $1 AND provider = $2 AND state = 'credited' AND charged_at >= $3
      AND ($4::timestamptz IS NULL OR charged_at < $4) AND (organization_id, id) > ($5, $6)
    ORDER BY organization_id, id LIMIT $7`,
  values: [environment, provider, range.from, range.to ?? null, after[0], after[1], limit],
});

export const customersAmong = (provider: string, customers: readonly string[]): Statement => ({
  text: `SELECT customer_id AS "customerId" FROM payments.customers
    WHERE provider = $1 AND customer_id = ANY ($2)`,
  values: [provider, customers],
});

/** Of a payment that was set aside, whether an operator has decided about it. */
export const setAside = (provider: string, payments: readonly string[]): Statement => ({
  text: `SELECT payment_intent_id AS "paymentIntentId", resolved_at IS NOT NULL OR EXISTS (
        SELECT FROM payments.remedies AS r WHERE r.provider = q.provider
           AND r.payment_intent_id = q.payment_intent_id AND r.state = 'done') AS resolved
     FROM payments.quarantined_payments AS q
    WHERE provider = $1 AND payment_intent_id = ANY ($2)`,
  values: [provider, payments],
});

export const keepDifference = (
  environment: string,
  provider: string,
  found: Difference,
): Statement => ({
  text: `INSERT INTO payments.differences AS d (environment, provider, kind, reference,
      organization_id, purchase_id, detail, happened_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (environment, provider, kind, reference) DO UPDATE
      SET detail = excluded.detail, seen_at = excluded.seen_at, resolved_at = NULL,
          found_at = CASE WHEN d.resolved_at IS NULL THEN d.found_at ELSE excluded.found_at END`,
  values: [
    environment,
    provider,
    found.kind,
    found.reference,
    found.organizationId,
    found.purchaseId,
    found.detail,
    found.happenedAt,
  ],
});

export const endDifferences = (
  environment: string,
  provider: string,
  run: { readonly began: Date; readonly from: Date; readonly to: Date | undefined },
): Statement => ({
  text: `UPDATE payments.differences SET resolved_at = bursar.now()
    WHERE environment = $1 AND provider = $2 AND resolved_at IS NULL AND seen_at < $3
      AND happened_at >= $4 AND ($5::timestamptz IS NULL OR happened_at < $5)`,
  values: [environment, provider, run.began, run.from, run.to ?? null],
});

export const listOpenDifferences = (
  environment: string | null,
  provider: string | null,
): Statement => ({
  text: `SELECT kind, reference, organization_id AS "organizationId",
      purchase_id AS "purchaseId", detail, happened_at AS "happenedAt"
    FROM payments.differences
    WHERE resolved_at IS NULL AND ($1::text IS NULL OR environment = $1)
      AND ($2::text IS NULL OR provider = $2)
    ORDER BY happened_at, kind, reference`,
  values: [environment, provider],
});

/** The database's real time: runs of different machines are compared by it. */
export const realNow: Statement = { text: 'SELECT bursar.real_now() AS now' };

/** The night's run for one process at a time, as `ledger.nights`; `reached` is the last one's. */
export const takeNight = (
  environment: string,
  provider: string,
  beginsAt: string,
  leaseSeconds: number,
): Statement => ({
  text: `INSERT INTO payments.reconciliations AS n (environment, provider, night, leased_until)
    VALUES ($1, $2, (bursar.now() AT TIME ZONE 'UTC' - $3::interval)::date,
            bursar.real_now() + make_interval(secs => $4))
    ON CONFLICT (environment, provider, night) DO UPDATE SET leased_until = excluded.leased_until
     WHERE n.done_at IS NULL AND n.leased_until < bursar.real_now()
    RETURNING night::text, (SELECT max(reached) FROM payments.reconciliations
       WHERE environment = $1 AND provider = $2) AS "lastReached"`,
  values: [environment, provider, beginsAt, leaseSeconds],
});

export const endNight = (
  environment: string,
  provider: string,
  night: string,
  run: {
    readonly reached: Date;
    readonly movements: number;
    readonly healed: number;
    readonly differences: number;
  },
): Statement => ({
  text: `UPDATE payments.reconciliations SET done_at = bursar.now(), reached = $4,
      movements = $5, healed = $6, differences = $7
    WHERE environment = $1 AND provider = $2 AND night = $3::date`,
  values: [environment, provider, night, run.reached, run.movements, run.healed, run.differences],
});

/** The last night that was done, and whether one is missing though something was sold. */
export const lastNight = (days: number): Statement => ({
  text: `SELECT max(done_at) AS "doneAt",
      coalesce(bool_and(done_at < bursar.now() - make_interval(days => $1)), true)
        AND EXISTS (SELECT FROM payments.purchases WHERE state = 'credited'
                     AND settled_at < bursar.now() - make_interval(days => $1)) AS overdue
    FROM payments.reconciliations WHERE done_at IS NOT NULL`,
  values: [days],
});
