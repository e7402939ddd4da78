import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId, PurchaseId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { DisputeState } from '#payments/dispute';

export interface DisputeRow {
  readonly organizationId: OrganizationId;
  readonly id: string;
  readonly purchaseId: PurchaseId;
  readonly grantId: GrantId | null;
  readonly state: DisputeState;
  readonly processorStatus: string;
  readonly reason: string;
  readonly amount: NanoUsd;
  readonly fee: NanoUsd;
  readonly respondBy: Date | null;
  readonly freezeReference: string | null;
  readonly freezes: number;
  readonly frozen: NanoUsd;
  readonly taken: NanoUsd;
  readonly takenTax: NanoUsd;
  readonly owed: NanoUsd;
  readonly beyond: NanoUsd;
  readonly version: number;
  readonly paymentIntentId: string;
  readonly openedAt: Date;
}

const COLUMNS = `
  organization_id AS "organizationId", id, purchase_id AS "purchaseId", grant_id AS "grantId",
  state, processor_status AS "processorStatus", reason, amount_nanos AS amount,
  fee_nanos AS fee, respond_by AS "respondBy", freeze_reference AS "freezeReference", freezes,
  frozen_nanos AS frozen, taken_nanos AS taken, taken_tax_nanos AS "takenTax",
  owed_nanos AS owed, beyond_nanos AS beyond, version,
  payment_intent_id AS "paymentIntentId", opened_at AS "openedAt"`;

/** Not tenant-bound: the processor names a dispute by its id alone. */
export const findDispute = (id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes WHERE id = $1`,
  values: [id],
});

export const lockDispute = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes
    WHERE organization_id = $1 AND id = $2 FOR UPDATE`,
  values: [organizationId, id],
});

export interface DisputeReading {
  readonly organizationId: OrganizationId;
  readonly id: string;
  readonly purchaseId: PurchaseId;
  readonly grantId: GrantId | null;
  readonly state: DisputeState;
  readonly processorStatus: string;
  readonly reason: string;
  readonly amount: NanoUsd;
  readonly fee: NanoUsd;
  readonly respondBy: Date | null;
  readonly provider: string;
  readonly environment: string;
  readonly paymentIntentId: string;
  /** Whether it is to be read again without being told to. */
  readonly undecided: boolean;
}

/** What the processor says, stored; the effects on credit are written beside it. */
export const writeReading = (r: DisputeReading): Statement => ({
  text: `INSERT INTO payments.disputes AS d (organization_id, id, purchase_id, grant_id, state,
      processor_status, reason, amount_nanos, fee_nanos, respond_by, provider, environment,
      payment_intent_id, next_look_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
      CASE WHEN $14 THEN bursar.real_now() + interval '1 hour' END)
    ON CONFLICT (organization_id, id) DO UPDATE SET
      grant_id = coalesce(d.grant_id, excluded.grant_id), state = excluded.state,
      processor_status = excluded.processor_status, reason = excluded.reason,
      amount_nanos = excluded.amount_nanos, fee_nanos = excluded.fee_nanos,
      respond_by = excluded.respond_by, next_look_at = excluded.next_look_at,
      version = d.version + 1, updated_at = bursar.now()
    RETURNING ${COLUMNS}`,
  values: [
    ...[r.organizationId, r.id, r.purchaseId, r.grantId, r.state, r.processorStatus, r.reason],
    ...[r.amount, r.fee, r.respondBy, r.provider, r.environment, r.paymentIntentId],
    r.undecided,
  ],
});

type Key = Pick<DisputeRow, 'organizationId' | 'id'>;

/** It holds a freeze from now on, under that name. */
export const holdsFreeze = (d: Key, reference: string, frozen: NanoUsd): Statement => ({
  text: `UPDATE payments.disputes
      SET freeze_reference = $3, freezes = freezes + 1, frozen_nanos = $4
    WHERE organization_id = $1 AND id = $2`,
  values: [d.organizationId, d.id, reference, frozen],
});

export const holdsNoFreeze = (d: Key): Statement => ({
  text: `UPDATE payments.disputes SET freeze_reference = NULL, frozen_nanos = 0
    WHERE organization_id = $1 AND id = $2`,
  values: [d.organizationId, d.id],
});

export interface Taken {
  readonly taken: NanoUsd;
  readonly tax: NanoUsd;
  readonly owed: NanoUsd;
  readonly beyond: NanoUsd;
}

export const storeTaken = (d: Key, t: Taken): Statement => ({
  text: `UPDATE payments.disputes SET taken_nanos = $3, taken_tax_nanos = $4, owed_nanos = $5,
      beyond_nanos = $6 WHERE organization_id = $1 AND id = $2`,
  values: [d.organizationId, d.id, t.taken, t.tax, t.owed, t.beyond],
});

/** The dispute that has a grant frozen now. */
export const freezerOf = (organizationId: string, grantId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes
    WHERE organization_id = $1 AND grant_id = $2 AND freeze_reference IS NOT NULL FOR UPDATE`,
  values: [organizationId, grantId],
});

/** Open disputes of a grant that could not freeze it, because another had it frozen. */
export const waitingForFreeze = (organizationId: string, grantId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes
    WHERE organization_id = $1 AND grant_id = $2 AND state = 'open' AND freeze_reference IS NULL
    ORDER BY opened_at, id FOR UPDATE`,
  values: [organizationId, grantId],
});

export const listDisputesOf = (organizationId: string, purchaseId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes
    WHERE organization_id = $1 AND purchase_id = $2 ORDER BY opened_at, id`,
  values: [organizationId, purchaseId],
});

/** Newest first; of every organization where none is named. */
export const listDisputes = (
  organizationId: string | null,
  states: readonly DisputeState[],
  limit: number,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.disputes
    WHERE ($1::text IS NULL OR organization_id = $1) AND state = ANY ($2)
    ORDER BY opened_at DESC, id DESC LIMIT $3`,
  values: [organizationId, states, limit],
});

/** Takes the undecided ones whose turn it is, and sets their next turn first. */
export const takeDueDisputes = (environment: string, limit: number): Statement => ({
  text: `UPDATE payments.disputes AS d SET next_look_at = bursar.real_now() + interval '1 hour'
      FROM (SELECT organization_id, id FROM payments.disputes
             WHERE environment = $1 AND next_look_at <= bursar.real_now()
             ORDER BY next_look_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE d.organization_id = due.organization_id AND d.id = due.id RETURNING d.id`,
  values: [environment, limit],
});
