import type { Statement } from '#db/pool';

export interface FoundRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly created_at: Date;
  readonly emails: readonly string[];
}

const FOUND = `SELECT o.id, o.name, o.status, o.created_at,
      ARRAY(SELECT u.email FROM orgs.members m JOIN orgs.users u ON u.id = m.user_id
             WHERE m.organization_id = o.id
             ORDER BY m.role = 'admin' DESC, u.email LIMIT 5) AS emails
    FROM orgs.organizations o`;

/** By id, by a part of the name, or by a part of a member's address. What fits best first. */
export const findOrganizations = (text: string, limit: number): Statement => ({
  text: `${FOUND}
    WHERE o.id = $1 OR o.name ILIKE $2 OR EXISTS (
      SELECT FROM orgs.users u JOIN orgs.members m ON m.user_id = u.id
       WHERE m.organization_id = o.id AND u.email ILIKE $2)
    ORDER BY o.id = $1 DESC, lower(o.name) = lower($1) DESC, o.name, o.id LIMIT $3`,
  // What somebody types is text and no pattern.
  values: [text, `%${text.replace(/[\\%_]/g, '\\$&')}%`, limit],
});

export const organizationsOf = (ids: readonly string[]): Statement => ({
  text: `${FOUND} WHERE o.id = ANY ($1)`,
  values: [ids],
});
