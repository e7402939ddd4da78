import type { Statement } from '#db/pool';

export interface HoldSumsRow {
  readonly held: bigint;
  readonly charged: bigint;
}

/** Each is found by its key, however many there are. */
export const sumsOfHolds = (organizationId: string, ids: readonly string[]): Statement => ({
  text: `SELECT coalesce(sum(h.amount_nanos) FILTER (WHERE h.state = 'open'), 0)::bigint AS held,
      coalesce(sum(h.charged_nanos), 0)::bigint AS charged
    FROM unnest($2::text[]) AS asked (id)
    CROSS JOIN LATERAL (SELECT state, amount_nanos, charged_nanos FROM ledger.holds
      WHERE organization_id = $1 AND id = asked.id OFFSET 0) AS h`,
  values: [organizationId, ids],
});
