import type { Statement } from '#db/pool';

export interface PlacedRow {
  readonly outcome: string;
  readonly available_nanos: bigint;
}

export interface SettledRow {
  readonly outcome: string;
  readonly charged_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly late: boolean;
  readonly available_nanos: bigint;
}

/** Takes or refuses every hold of a batch, one row each, in the order given. */
export const placeBatch = (
  orgs: string[],
  ends: number[],
  ids: string[],
  keys: string[],
  amounts: bigint[],
  leaseMs: number,
): Statement => ({
  name: 'charging.place_batch',
  text: 'SELECT * FROM charging.place_batch($1, $2, $3, $4, $5, $6)',
  values: [orgs, ends, ids, keys, amounts, leaseMs],
});

/** Settles or voids every hold of a batch, one row each, in the order given. */
export const settleBatch = (
  orgs: string[],
  ends: number[],
  ids: string[],
  resolutions: string[],
  costs: bigint[],
  losses: bigint[],
  records: string[],
): Statement => ({
  name: 'charging.settle_batch',
  text: 'SELECT * FROM charging.settle_batch($1, $2, $3, $4, $5, $6, $7)',
  values: [orgs, ends, ids, resolutions, costs, losses, records],
});

/** Keeps open holds alive for another lease. */
export const renewLeases = (orgs: string[], ids: string[], leaseMs: number): Statement => ({
  name: 'charging.renew_leases',
  text: 'SELECT charging.renew_leases($1, $2, $3)',
  values: [orgs, ids, leaseMs],
});
