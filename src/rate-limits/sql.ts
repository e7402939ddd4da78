import type { Statement } from '#db/pool';
import type { Ask } from './store.ts';

export interface LeaseRow {
  readonly granted: bigint;
  readonly left_scaled: bigint;
  readonly nodes: number;
}

/** All of one node's asks at once; answers in their order. */
export const exchange = (node: string, asks: readonly Ask[]): Statement => ({
  name: 'rate_limits_exchange',
  text: `SELECT granted, left_scaled, nodes
    FROM rate_limits.exchange($1, $2, $3, $4, $5, $6, $7, $8) ORDER BY place`,
  values: [
    node,
    asks.map(({ bucket }) => bucket.organizationId),
    asks.map(({ bucket }) => bucket.pool),
    asks.map(({ bucket }) => bucket.kind),
    asks.map(({ rule }) => rule.perMinute),
    asks.map(({ rule }) => rule.capacity),
    asks.map(({ back }) => back),
    asks.map(({ want }) => want),
  ],
});

export interface BucketRow {
  readonly pool: string;
  readonly kind: string;
  readonly level: bigint;
  /** Real milliseconds since it was filled to that level. */
  readonly elapsed_ms: bigint;
}

/** The buckets of an organization itself, not those of its workspaces. */
export const selectBuckets = (organizationId: string): Statement => ({
  text: `SELECT pool, kind, level, greatest(0, floor(extract(epoch FROM
      bursar.real_now() - filled_at) * 1000))::bigint AS elapsed_ms
    FROM rate_limits.buckets WHERE organization_id = $1 AND strpos(pool, '@') = 0`,
  values: [organizationId],
});
