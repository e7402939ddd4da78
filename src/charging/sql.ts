import type { LimitChange } from '#charging/limits';
import type { Statement } from '#db/pool';
import { assert } from '#kernel/assert';
import type { RecordColumns } from '#metering/record';
import type { LimitLevel } from '#orgs/spend-limits';

export interface PlacedRow {
  readonly outcome: string;
  readonly available_nanos: bigint;
  readonly limit_level: LimitLevel | null;
  readonly limit_subject: string | null;
  readonly limit_lifts_at: Date | null;
  readonly price_epoch: bigint;
  readonly business_now: Date;
}

export interface SettledRow {
  readonly outcome: string;
  readonly charged_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly late: boolean;
  readonly available_nanos: bigint;
}

/**
 * Takes, extends or refuses every hold of a batch, one row each, in the order given. Each row says
 * which prices are in force, and when it was.
 */
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
  text: `SELECT p.*, (SELECT catalog.epoch()) AS price_epoch, (SELECT bursar.now()) AS business_now
    FROM charging.place_batch($1, $2, $3, $4, $5, $6, $7) AS p`,
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

/** As the statement, but its commit gives up its locks without waiting for the disk. */
export const unflushed = ({ name = '', text, values = [] }: Statement): Statement => ({
  name: `${name}.unflushed`,
  text: `${text}
    WHERE (SELECT pg_catalog.set_config('synchronous_commit', 'off', true)) IS NOT NULL`,
  values,
});

export interface FlushedRow {
  readonly life: string;
}

/**
 * A commit of nothing. It waits for the disk, and for standbys if the server is set so, and by the
 * order of the log for all that was committed before it in the same life of the server. A life ends
 * with a restart or a standby's promotion, which the start of the postmaster shows, or with the crash
 * of a session, after which the postmaster lives on but counts its statistics anew.
 */
export const flush: Statement = {
  name: 'charging.flush',
  text: `SELECT pg_catalog.concat(pg_catalog.pg_postmaster_start_time(), ' ',
           pg_catalog.pg_stat_get_bgwriter_stat_reset_time()) AS life
    FROM pg_catalog.pg_logical_emit_message(true, 'bursar', '')`,
};

export function lifeOf(rows: readonly FlushedRow[]): string {
  const [row] = rows;
  assert(row !== undefined, 'a flush names the life of its server');
  return row.life;
}

/** A place to come back to within a transaction, locks included. */
export const mark: Statement = { text: 'SAVEPOINT asked' };
export const backToMark: Statement = { text: 'ROLLBACK TO SAVEPOINT asked' };

/** Keeps open holds alive for another lease. */
export const renewLeases = (orgs: string[], ids: string[], leaseMs: number): Statement => ({
  name: 'charging.renew_leases',
  text: 'SELECT charging.renew_leases($1, $2, $3)',
  values: [orgs, ids, leaseMs],
});

/** The same for thousands of holds of one organization. */
export const keepHolds = (org: string, ids: string[], leaseMs: number): Statement => ({
  text: 'SELECT charging.keep_holds($1, $2, $3) AS kept',
  values: [org, ids, leaseMs],
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
