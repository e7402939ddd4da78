import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId, PurchaseId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';

export type RemedyKind = 'credit' | 'refund';
export type RemedyState = 'requested' | 'pending' | 'done' | 'failed';

export interface MisdirectedRow {
  readonly provider: string;
  readonly paymentIntentId: string;
  readonly organizationId: OrganizationId | null;
  readonly purchaseId: PurchaseId | null;
  readonly receivedMinorUnits: bigint;
  readonly currency: string;
  readonly mismatches: readonly string[];
  readonly foundAt: Date;
  readonly remedy: RemedyKind | null;
  readonly remedyState: RemedyState | null;
  readonly failureCode: string | null;
}

const MISDIRECTED = `
  SELECT q.provider, q.payment_intent_id AS "paymentIntentId",
      q.organization_id AS "organizationId", q.purchase_id AS "purchaseId",
      q.received_minor_units AS "receivedMinorUnits", q.currency, q.mismatches,
      q.found_at AS "foundAt", r.kind AS remedy, r.state AS "remedyState",
      r.failure_code AS "failureCode"
    FROM payments.quarantined_payments q
    LEFT JOIN payments.remedies r USING (provider, payment_intent_id)`;

/** What still waits for an operator or for the processor, the longest waiting first. */
export const listMisdirected: Statement = {
  text: `${MISDIRECTED} WHERE q.resolved_at IS NULL AND r.state IS DISTINCT FROM 'done'
    ORDER BY q.found_at, q.payment_intent_id`,
};

export const findMisdirected = (paymentIntentId: string): Statement => ({
  text: `${MISDIRECTED} WHERE q.payment_intent_id = $1 AND q.resolved_at IS NULL`,
  values: [paymentIntentId],
});

export interface Remedy {
  readonly provider: string;
  readonly paymentIntentId: string;
  readonly kind: RemedyKind;
  readonly state: RemedyState;
  readonly reason: string;
  readonly actor: string;
  readonly organizationId: OrganizationId | null;
  readonly purchaseId: PurchaseId | null;
  readonly attempt: number;
  readonly failureCode: string | null;
  readonly decidedAt: Date;
}

const COLUMNS = `provider, payment_intent_id AS "paymentIntentId", kind, state, reason, actor,
  organization_id AS "organizationId", purchase_id AS "purchaseId", attempt,
  failure_code AS "failureCode", decided_at AS "decidedAt"`;

/** One decision at a time: no row comes back while one is being carried out, or once one is done. */
export const decide = (
  of: Pick<MisdirectedRow, 'provider' | 'paymentIntentId'>,
  remedy: Pick<Remedy, 'kind' | 'reason' | 'actor' | 'organizationId'>,
): Statement => ({
  text: `INSERT INTO payments.remedies AS r (provider, payment_intent_id, kind, state, reason,
      actor, organization_id, next_look_at)
    VALUES ($1, $2, $3, 'requested', $4, $5, $6, bursar.real_now() + interval '5 seconds')
    ON CONFLICT (provider, payment_intent_id) DO UPDATE SET kind = excluded.kind,
      state = 'requested', reason = excluded.reason, actor = excluded.actor,
      organization_id = excluded.organization_id, attempt = r.attempt + 1,
      failure_code = NULL, next_look_at = excluded.next_look_at, decided_at = bursar.now(),
      updated_at = bursar.now()
      WHERE r.state = 'failed'
    RETURNING ${COLUMNS}`,
  values: [
    ...[of.provider, of.paymentIntentId, remedy.kind, remedy.reason, remedy.actor],
    remedy.organizationId,
  ],
});

export const findRemedy = (paymentIntentId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.remedies WHERE payment_intent_id = $1`,
  values: [paymentIntentId],
});

/** Whose processor has the payment; null in rows of before that do not say: then anybody's. */
export const environmentOf = (paymentIntentId: string): Statement => ({
  text: 'SELECT environment FROM payments.quarantined_payments WHERE payment_intent_id = $1',
  values: [paymentIntentId],
});

export const lockRemedy = (of: Pick<Remedy, 'provider' | 'paymentIntentId'>): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.remedies
    WHERE provider = $1 AND payment_intent_id = $2 FOR UPDATE`,
  values: [of.provider, of.paymentIntentId],
});

/** Only the decision that was read, and only while it is under way: a late answer undoes no later one. */
export const moveRemedy = (
  of: Pick<Remedy, 'provider' | 'paymentIntentId' | 'attempt'>,
  state: RemedyState,
  failureCode: string | null,
  purchaseId: string | null = null,
): Statement => ({
  text: `UPDATE payments.remedies SET state = $3, failure_code = $4,
      purchase_id = coalesce($5, purchase_id), updated_at = bursar.now(),
      next_look_at = CASE WHEN $3 = 'pending' THEN bursar.real_now() + interval '15 minutes' END
    WHERE provider = $1 AND payment_intent_id = $2 AND attempt = $6
      AND state IN ('requested', 'pending')`,
  values: [of.provider, of.paymentIntentId, state, failureCode, purchaseId, of.attempt],
});

/** The bank sent back what had gone well (F58): the payment waits for a person again. */
export const failRefunded = (
  of: Pick<Remedy, 'provider' | 'paymentIntentId' | 'attempt'>,
): Statement => ({
  text: `UPDATE payments.remedies SET state = 'failed', failure_code = 'refund_failed',
      updated_at = bursar.now()
    WHERE provider = $1 AND payment_intent_id = $2 AND attempt = $3 AND kind = 'refund'
      AND state = 'done'
    RETURNING state`,
  values: [of.provider, of.paymentIntentId, of.attempt],
});

export interface SetAsideRow {
  readonly organizationId: string | null;
  readonly mismatches: readonly string[];
  /** Of the deployment that took it; null in rows of before that do not say. */
  readonly environment: string | null;
  /** Ended by hand, as the owner of the database. */
  readonly resolved: boolean;
}

export const findSetAside = (provider: string, paymentIntentId: string): Statement => ({
  text: `SELECT organization_id AS "organizationId", mismatches, environment,
      resolved_at IS NOT NULL AS resolved
    FROM payments.quarantined_payments WHERE provider = $1 AND payment_intent_id = $2`,
  values: [provider, paymentIntentId],
});

/** Whose customer this is at the processor. */
export const organizationOf = (provider: string, customerId: string): Statement => ({
  text: `SELECT organization_id AS "organizationId" FROM payments.customers
    WHERE provider = $1 AND customer_id = $2`,
  values: [provider, customerId],
});

/** The key of the call is used up. Only from the attempt that was seen to be. */
export const raiseRemedyAttempt = (
  of: Pick<Remedy, 'provider' | 'paymentIntentId' | 'attempt'>,
): Statement => ({
  text: `UPDATE payments.remedies SET attempt = attempt + 1
    WHERE provider = $1 AND payment_intent_id = $2 AND attempt = $3 AND state = 'requested'`,
  values: [of.provider, of.paymentIntentId, of.attempt],
});

export const takeDueRemedies = (environment: string, limit: number): Statement => ({
  text: `UPDATE payments.remedies AS r SET next_look_at = bursar.real_now() +
        CASE WHEN r.state = 'pending' THEN interval '15 minutes' ELSE interval '30 seconds' END
      FROM (SELECT w.provider, w.payment_intent_id FROM payments.remedies AS w
              JOIN payments.quarantined_payments AS q USING (provider, payment_intent_id)
             WHERE w.next_look_at <= bursar.real_now() AND coalesce(q.environment, $2) = $2
             ORDER BY w.next_look_at LIMIT $1 FOR UPDATE OF w SKIP LOCKED) AS due
     WHERE r.provider = due.provider AND r.payment_intent_id = due.payment_intent_id
     RETURNING r.payment_intent_id AS "paymentIntentId"`,
  values: [limit, environment],
});

/** A purchase nobody began here: an operator decided that this payment is one. */
export const insertRemedied = (p: {
  readonly organizationId: OrganizationId;
  readonly id: PurchaseId;
  readonly actor: string;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly provider: string;
  readonly environment: string;
  readonly consoleUrl: string;
  readonly paymentIntentId: string;
  readonly chargeId: string | null;
  readonly grantId: GrantId;
  readonly receiptUrl: string | null;
}): Statement => ({
  text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor, credit_nanos,
      provider, environment, session_expires_at, console_url, automatic_tax, payment_intent_id,
      charge_id, grant_id, receipt_url, tax_nanos, settled_via, settled_at)
    VALUES ($1, $2, 'credited', 'manual', $3, $4, $5, $6, bursar.real_now(), $7, false, $8, $9,
      $10, $11, $12, 'operator', bursar.now())`,
  values: [
    ...[p.organizationId, p.id, p.actor, p.credit, p.provider, p.environment, p.consoleUrl],
    ...[p.paymentIntentId, p.chargeId, p.grantId, p.receiptUrl, p.tax],
  ],
});
