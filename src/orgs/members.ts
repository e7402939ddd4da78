import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import { type Entropy, newId } from '#kernel/ids';
import { parseRole, type Role } from '#orgs/roles';
import {
  type MembershipRow,
  selectMemberships,
  selectUser,
  selectUsers,
  upsertMember,
  upsertUser,
} from './sql.ts';

export interface User {
  readonly id: string;
  readonly email: string;
}

export interface Membership {
  readonly organizationId: string;
  readonly organizationName: string;
  readonly role: Role;
}

/**
 * Addresses differ by nothing a person would see: no case, no surrounding blanks. Anything finer
 * (dots, plus signs) is the mail host's business, and folding it would merge strangers.
 */
export const normalizeEmail = (email: string): string => email.trim().toLowerCase();

export async function findOrCreateUser(tx: Db, ids: Entropy, email: string): Promise<User> {
  const [row] = await tx.query<User>(upsertUser(newId('user', ids), normalizeEmail(email)));
  assert(row !== undefined, 'an upsert returns its row');
  return { id: row.id, email: row.email };
}

export async function readUser(db: Db, id: string): Promise<User | undefined> {
  const [row] = await db.query<User>(selectUser(id));
  return row === undefined ? undefined : { id: row.id, email: row.email };
}

/** Addresses by id, for what says who did a thing. */
export async function emailsOf(
  db: Db,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<User>(selectUsers([...new Set(ids)]));
  return new Map(rows.map(({ id, email }) => [id, email]));
}

export async function addMember(
  tx: Db,
  member: { readonly organizationId: string; readonly userId: string; readonly role: Role },
): Promise<void> {
  await tx.query(upsertMember(member.organizationId, member.userId, member.role));
}

export async function membershipsOf(db: Db, userId: string): Promise<Membership[]> {
  const rows = await db.query<MembershipRow>(selectMemberships(userId));
  return rows.map((row) => {
    const role = parseRole(row.role);
    assert(role !== undefined, 'a stored role is one of the table');
    return {
      organizationId: row.organization_id,
      organizationName: row.organization_name,
      role,
    };
  });
}
