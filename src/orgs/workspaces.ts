import type { Db } from '#db/pool';
import { type Entropy, newId } from '#kernel/ids';
import * as sql from './workspaces-sql.ts';

export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
  readonly createdAt: Date;
}

/** As many as the public API lets an organization have, the one it began with included. */
export const WORKSPACES_MAX = 100;

const workspace = (row: sql.WorkspaceRow): Workspace => ({
  id: row.id,
  name: row.name,
  isDefault: row.is_default,
  createdAt: row.created_at,
});

/** The workspaces of an organization, the one it began with first, then by age. */
export async function listWorkspaces(db: Db, organizationId: string): Promise<Workspace[]> {
  const statement = sql.selectWorkspaces(organizationId, WORKSPACES_MAX);
  return (await db.query<sql.WorkspaceRow>(statement)).map(workspace);
}

/** To be called in a transaction: two at once could otherwise be one too many. */
export async function createWorkspace(
  tx: Db,
  ids: Entropy,
  input: { readonly organizationId: string; readonly name: string },
): Promise<
  { readonly outcome: 'created'; readonly workspace: Workspace } | { outcome: 'too_many' }
> {
  const { organizationId, name } = input;
  await tx.query(sql.lockForWorkspace(organizationId));
  const id = newId('workspace', ids);
  const statement = sql.insertWorkspace(organizationId, id, name, WORKSPACES_MAX);
  const [row] = await tx.query<sql.WorkspaceRow>(statement);
  return row === undefined
    ? { outcome: 'too_many' }
    : { outcome: 'created', workspace: workspace(row) };
}
