import type { Statement } from '#db/pool';

export interface WorkspaceRow {
  readonly id: string;
  readonly name: string;
  readonly is_default: boolean;
  readonly created_at: Date;
}

const COLUMNS = 'id, name, is_default, created_at';

/** The workspaces of an organization, its default one first, then by age, up to a bound. */
export const selectWorkspaces = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${COLUMNS} FROM orgs.workspaces WHERE organization_id = $1
    ORDER BY is_default DESC, created_at, id LIMIT $2`,
  values: [organizationId, limit],
});

/** Serializes what counts the workspaces of one organization before it adds one. */
export const lockForWorkspace = (organizationId: string): Statement => ({
  text: `SELECT id FROM orgs.workspaces WHERE organization_id = $1 AND is_default FOR UPDATE`,
  values: [organizationId],
});

/** One more workspace; no row if the organization has as many as it may. */
export const insertWorkspace = (
  organizationId: string,
  id: string,
  name: string,
  most: number,
): Statement => ({
  text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default, created_at)
    SELECT $1, $2, $3, false, bursar.now()
     WHERE (SELECT count(*) FROM orgs.workspaces WHERE organization_id = $1) < $4
    RETURNING ${COLUMNS}`,
  values: [organizationId, id, name, most],
});
