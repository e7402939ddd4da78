import type { Statement } from '#db/pool';

export interface MixRow {
  readonly model: string;
  readonly requests: bigint;
  readonly charged: string;
  readonly first: Date;
  readonly now: Date;
}

/** Charged requests of the last days by model, dearest first. Business time. */
export const mix = (organizationId: string, days: number): Statement => ({
  text: `SELECT model, count(*) AS requests, sum(charged_nanos)::text AS charged,
      min(settled_at) AS first, bursar.now() AS now
    FROM metering.requests
    WHERE organization_id = $1 AND settled_at > bursar.now() - make_interval(days => $2)
      AND charged_nanos > 0
    GROUP BY model ORDER BY sum(charged_nanos) DESC, model`,
  values: [organizationId, days],
});
