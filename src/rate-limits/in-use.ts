import type { Db } from '#db/pool';
import { type Rule, refilled, unitsIn } from './bucket.ts';
import * as sql from './sql.ts';
import type { LimitKind } from './tiers.ts';

/** What is used of the buckets of one organization just now. */
export interface InUse {
  /** Units that are not refilled yet, of a bucket by its pool and kind. */
  used(pool: string, kind: LimitKind, rule: Rule): number;
}

/**
 * Reads what is used now, in one statement. What nodes have leased and not given back counts as used:
 * it is a sixteenth of a limit at most for each lease, and back after two idle seconds.
 */
export async function readInUse(db: Db, organizationId: string): Promise<InUse> {
  const rows = await db.query<sql.BucketRow>(sql.selectBuckets(organizationId));
  const found = new Map(rows.map((row) => [`${row.pool} ${row.kind}`, row]));
  return {
    used(pool, kind, rule) {
      const row = found.get(`${pool} ${kind}`);
      if (row === undefined) return 0;
      const then = { scaled: countOf(row.level), atMs: 0 };
      const left = unitsIn(refilled(rule, then, countOf(row.elapsed_ms)));
      return Math.max(0, rule.capacity - left);
    },
  };
}

/** Bounded far below what a number holds exactly (`bucket.ts`). */
const countOf = (units: bigint): number => Number(units); // tidy: count, units of a rate limit
