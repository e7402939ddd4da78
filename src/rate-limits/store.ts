import type { Pool } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { Rule } from './bucket.ts';
import * as sql from './sql.ts';
import type { LimitKind } from './tiers.ts';

/** Names one bucket that all nodes share. */
export interface BucketName {
  readonly organizationId: string;
  /** What shares it: a class of models, or an endpoint with limits of its own. */
  readonly pool: string;
  readonly kind: LimitKind;
}

/** What one node has to say about a bucket. */
export interface Ask {
  readonly bucket: BucketName;
  readonly rule: Rule;
  /** Units given back; negative for units that were used without having been leased. */
  readonly back: number;
  /** Units wanted as a lease; as many are granted as there are. */
  readonly want: number;
}

export interface Lease {
  readonly granted: number;
  /** Units × 60,000 that are left for everyone; negative while there is a debt. */
  readonly leftScaled: number;
}

export interface Round {
  /** One for each ask, in their order. */
  readonly leases: readonly Lease[];
  /** How many nodes asked lately, this one included. */
  readonly nodes: number;
}

/** The buckets all nodes share. Throws if it does not answer. */
export interface BucketStore {
  exchange(asks: readonly Ask[]): Promise<Round>;
}

/** Buckets in PostgreSQL; `node` names this process among those that use them. */
export const databaseBuckets = (pool: Pool, node: string): BucketStore => ({
  async exchange(asks) {
    const rows = await pool.query<sql.LeaseRow>(sql.exchange(node, asks));
    const leases = rows.map((row) => ({
      granted: countOf(row.granted),
      leftScaled: countOf(row.left_scaled),
    }));
    const [first] = rows;
    if (first === undefined || rows.length !== asks.length) {
      throw new Fault('the buckets did not answer every ask');
    }
    return { leases, nodes: first.nodes };
  },
});

/** Units are bounded far below what a number holds exactly (`bucket.ts`). */
const countOf = (units: bigint): number => Number(units); // tidy: count, units of a rate limit
