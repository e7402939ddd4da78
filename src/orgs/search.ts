import type { Db } from '#db/pool';
import * as sql from './search-sql.ts';

/** An organization as an operator finds it. */
export interface FoundOrganization {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  readonly createdAt: Date;
  /** Of some of its members, admins first. */
  readonly emails: readonly string[];
}

const found = (row: sql.FoundRow): FoundOrganization => ({
  id: row.id,
  name: row.name,
  status: row.status === 'suspended' ? 'suspended' : 'active',
  createdAt: row.created_at,
  emails: row.emails,
});

/** By id, name or a member's e-mail address, or a part of the last two; the best fit first. */
export async function findOrganizations(
  db: Db,
  text: string,
  limit: number,
): Promise<FoundOrganization[]> {
  return (await db.query<sql.FoundRow>(sql.findOrganizations(text, limit))).map(found);
}

/** Those of these ids that exist, by id. */
export async function organizationsOf(
  db: Db,
  ids: readonly string[],
): Promise<ReadonlyMap<string, FoundOrganization>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query<sql.FoundRow>(sql.organizationsOf([...new Set(ids)]));
  return new Map(rows.map((row) => [row.id, found(row)]));
}
