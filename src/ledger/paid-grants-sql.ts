import type { Statement } from '#db/pool';

/** What of a grant an outside book can be compared with. */
const COLUMNS = `
  g.organization_id AS "organizationId", g.id AS "grantId", g.source,
  g.amount_nanos AS credit, g.tax_nanos AS tax, g.granted_at AS "grantedAt"`;

/** Of organization and source, pair by pair. */
export const paidGrantsOf = (
  organizations: readonly string[],
  sources: readonly string[],
): Statement => ({
  text: `SELECT ${COLUMNS} FROM unnest($1::text[], $2::text[]) AS asked (org, source)
           JOIN ledger.grants g ON g.organization_id = asked.org AND g.source = asked.source
          WHERE g.kind = 'purchase'`,
  values: [organizations, sources],
});

/** By business time, in order of organization and id, after the pair given. */
export const paidGrantsBetween = (
  from: Date,
  to: Date | null,
  after: readonly [organizationId: string, grantId: string],
  limit: number,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM ledger.grants g, bursar.deployment d
          WHERE g.kind = 'purchase' AND g.granted_at >= $1::timestamptz + d.clock_offset
            AND ($2::timestamptz IS NULL OR g.granted_at < $2::timestamptz + d.clock_offset)
            AND (g.organization_id, g.id) > ($3, $4)
          ORDER BY g.organization_id, g.id LIMIT $5`,
  values: [from, to, after[0], after[1], limit],
});
