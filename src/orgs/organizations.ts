import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import { type Entropy, newId, type OrganizationId, type WorkspaceId } from '#kernel/ids';
import { addMember, findOrCreateUser } from '#orgs/members';
import {
  insertDefaultWorkspace,
  insertOrganization,
  moveOrganizationStatus,
  type OrganizationRow,
  selectDefaultWorkspace,
  selectOrganization,
  selectOrganizations,
  selectWorkspace,
  updateOrganizationStatus,
  updateOrganizationTier,
} from './sql.ts';

export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  /** Name of its tier of limits; null for the standard one. */
  readonly tier: string | null;
  /** The workspace it began with, where keys go unless said otherwise. */
  readonly defaultWorkspaceId: string;
  readonly createdAt: Date;
}

/** A page of the operator's list; more customers than this need a report, not a list. */
const LIST_LIMIT = 10_000;

const organization = (row: OrganizationRow): Organization => ({
  id: row.id,
  name: row.name,
  status: row.status === 'suspended' ? 'suspended' : 'active',
  tier: row.tier,
  defaultWorkspaceId: row.workspace_id,
  createdAt: row.created_at,
});

/** Makes the organization with its default workspace; the owner, if named, becomes admin. */
export async function createOrganization(
  tx: Db,
  ids: Entropy,
  input: { readonly name: string; readonly ownerEmail?: string },
): Promise<{ organizationId: OrganizationId; workspaceId: WorkspaceId }> {
  const organizationId = newId('organization', ids);
  const workspaceId = newId('workspace', ids);
  await tx.query(insertOrganization(organizationId, input.name));
  await tx.query(insertDefaultWorkspace(organizationId, workspaceId));
  if (input.ownerEmail !== undefined) {
    const owner = await findOrCreateUser(tx, ids, input.ownerEmail);
    await addMember(tx, { organizationId, userId: owner.id, role: 'admin' });
  }
  return { organizationId, workspaceId };
}

export async function readOrganization(db: Db, id: string): Promise<Organization | undefined> {
  const [row] = await db.query<OrganizationRow>(selectOrganization(id));
  return row === undefined ? undefined : organization(row);
}

export async function listOrganizations(db: Db): Promise<Organization[]> {
  return (await db.query<OrganizationRow>(selectOrganizations(LIST_LIMIT))).map(organization);
}

/** Undefined if there is no such organization. Suspending a suspended one changes nothing. */
export async function setOrganizationStatus(
  db: Db,
  id: string,
  status: 'active' | 'suspended',
): Promise<Organization | undefined> {
  const [row] = await db.query<OrganizationRow>(updateOrganizationStatus(id, status));
  return row === undefined ? undefined : organization(row);
}

/** Whether this changed it: not if it was so already, or there is no such organization. */
export async function changeOrganizationStatus(
  db: Db,
  id: string,
  status: 'active' | 'suspended',
): Promise<boolean> {
  return (await db.query(moveOrganizationStatus(id, status))).length > 0;
}

/** Undefined if there is no such organization. */
export async function setOrganizationTier(
  db: Db,
  id: string,
  tier: string | null,
): Promise<Organization | undefined> {
  const [row] = await db.query<OrganizationRow>(updateOrganizationTier(id, tier));
  return row === undefined ? undefined : organization(row);
}

/** Whether the organization has this workspace. */
export async function hasWorkspace(db: Db, organizationId: string, id: string): Promise<boolean> {
  return (await db.query(selectWorkspace(organizationId, id))).length > 0;
}

/** Every organization has one (invariant 1), so a missing one is a bug or a wrong id. */
export async function defaultWorkspaceOf(db: Db, organizationId: string): Promise<string> {
  const [row] = await db.query<{ id: string }>(selectDefaultWorkspace(organizationId));
  assert(row !== undefined, 'an organization has a default workspace');
  return row.id;
}
