import type { LimitChange } from '#charging/limits';
import type { Statement } from '#db/pool';
import type { RecordColumns } from '#metering/record';
import type { LimitLevel } from '#orgs/spend-limits';

export interface PlacedRow {
  readonly outcome: string;
  readonly available_nanos: bigint;
  readonly limit_level: LimitLevel | null;
  readonly limit_subject: string | null;
  readonly limit_lifts_at: Date | null;
}

export interface SettledRow {
  readonly outcome: string;
  readonly charged_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly late: boolean;
  readonly available_nanos: bigint;
}

/** Takes, extends or refuses every hold of a batch, one row each, in the order given. */
export const placeBatch = (
  orgs: string[],
  ends: number[],
  kinds: ('place' | 'extend')[],
  ids: string[],
  keys: (string | null)[],
  amounts: bigint[],
  leaseMs: number,
): Statement => ({
  name: 'charging.place_batch',
  text: 'SELECT * FROM charging.place_batch($1, $2, $3, $4, $5, $6, $7)',
  values: [orgs, ends, kinds, ids, keys, amounts, leaseMs],
});

/** Settles or voids every hold of a batch, one row each, in the order given. */
export const settleBatch = (
  orgs: string[],
  ends: number[],
  ids: string[],
  resolutions: string[],
  costs: bigint[],
  losses: bigint[],
  happened: (Date | null)[],
  records: RecordColumns,
): Statement => ({
  name: 'charging.settle_batch',
  text: `SELECT * FROM charging.settle_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
           $14, $15, $16, $17, $18)`,
  values: [orgs, ends, ids, resolutions, costs, losses, happened, ...records],
});

/** Keeps open holds alive for another lease. */
export const renewLeases = (orgs: string[], ids: string[], leaseMs: number): Statement => ({
  name: 'charging.renew_leases',
  text: 'SELECT charging.renew_leases($1, $2, $3)',
  values: [orgs, ids, leaseMs],
});

/** Frees lapsed holds of up to `limit` organizations, in id order, each locked before it changes. */
export const expireLapsed = (limit: number): Statement => ({
  text: 'SELECT charging.expire_lapsed_everywhere($1) AS expired',
  values: [limit],
});

export const setSpendLimit = (c: LimitChange): Statement => ({
  text: 'SELECT charging.set_spend_limit($1, $2, $3, $4, $5, $6) AS outcome',
  values: [c.organizationId, c.level, c.subjectId, c.amount, c.action, c.setBy],
});
