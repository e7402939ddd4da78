import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';

export interface FreezeRow {
  readonly grant_id: GrantId;
  readonly state: 'frozen' | 'released' | 'seized';
  readonly amount_nanos: bigint;
}

export const freezeByReference = (organizationId: OrganizationId, ref: string): Statement => ({
  text: `SELECT grant_id, state, amount_nanos FROM ledger.freezes
          WHERE organization_id = $1 AND reference = $2`,
  values: [organizationId, ref],
});

export const openFreeze = (f: {
  readonly organizationId: OrganizationId;
  readonly reference: string;
  readonly grantId: GrantId;
  readonly amount: NanoUsd;
}): Statement => ({
  text: `INSERT INTO ledger.freezes (organization_id, reference, grant_id, amount_nanos, frozen_at)
         VALUES ($1, $2, $3, $4, bursar.now())`,
  values: [f.organizationId, f.reference, f.grantId, f.amount],
});

export interface Taken {
  readonly seized: NanoUsd;
  readonly debt: NanoUsd;
  readonly breakage: NanoUsd;
  readonly tax: NanoUsd;
  /** Part of the debt that open holds still need. */
  readonly promised: NanoUsd;
}

/** How a dispute ended, and what it took if it was lost. */
export const endFreeze = (
  organizationId: OrganizationId,
  reference: string,
  state: 'released' | 'seized',
  taken: Taken,
): Statement => ({
  text: `UPDATE ledger.freezes
            SET state = $3, ended_at = bursar.now(), seized_nanos = $4, debt_nanos = $5,
                breakage_nanos = $6, tax_nanos = $7, promised_nanos = $8
          WHERE organization_id = $1 AND reference = $2`,
  values: [
    organizationId,
    reference,
    state,
    taken.seized,
    taken.debt,
    taken.breakage,
    taken.tax,
    taken.promised,
  ],
});

export interface RefundRow {
  readonly grant_id: GrantId;
  readonly state: 'refunding' | 'paid' | 'failed';
  readonly amount_nanos: bigint;
  readonly tax_nanos: bigint;
}

export const refundByReference = (organizationId: OrganizationId, ref: string): Statement => ({
  text: `SELECT grant_id, state, amount_nanos, tax_nanos FROM ledger.refunds
          WHERE organization_id = $1 AND reference = $2`,
  values: [organizationId, ref],
});

export const openRefund = (r: {
  readonly organizationId: OrganizationId;
  readonly reference: string;
  readonly grantId: GrantId;
  readonly amount: NanoUsd;
  readonly tax: NanoUsd;
}): Statement => ({
  text: `INSERT INTO ledger.refunds
           (organization_id, reference, grant_id, amount_nanos, tax_nanos, requested_at)
         VALUES ($1, $2, $3, $4, $5, bursar.now())`,
  values: [r.organizationId, r.reference, r.grantId, r.amount, r.tax],
});

export const endRefund = (
  organizationId: OrganizationId,
  reference: string,
  state: 'paid' | 'failed',
): Statement => ({
  text: `UPDATE ledger.refunds SET state = $3, ended_at = bursar.now()
          WHERE organization_id = $1 AND reference = $2`,
  values: [organizationId, reference, state],
});

/** Books what an expired grant has lost, as the job would, so that a claim finds it there. */
export const bookUncovered = (organizationId: OrganizationId, grantId: string): Statement => ({
  text: 'SELECT ledger.book_uncovered($1, $2)',
  values: [organizationId, grantId],
});
