import type { Statement } from '#db/pool';
import type { FileScope } from '#orgs/files';

/** Notes whose containers they are. What is known of them already stays as it is. */
export const insertContainers = (scope: FileScope, ids: readonly string[]): Statement => ({
  name: 'orgs_containers_noted',
  text: `INSERT INTO orgs.containers (organization_id, workspace_id, id)
    SELECT $1, $2, * FROM unnest($3::text[]) ON CONFLICT DO NOTHING`,
  values: [scope.organizationId, scope.workspaceId, ids],
});

/** Those of the containers that are of this workspace. */
export const selectOwnedContainers = (scope: FileScope, ids: readonly string[]): Statement => ({
  name: 'orgs_containers_owned',
  text: `SELECT id FROM orgs.containers
    WHERE organization_id = $1 AND workspace_id = $2 AND id = ANY ($3::text[])`,
  values: [scope.organizationId, scope.workspaceId, ids],
});

/** A day longer than any container lives. */
export const deleteOldContainers = (limit: number): Statement => ({
  text: `DELETE FROM orgs.containers
    WHERE (organization_id, workspace_id, id) IN (
      SELECT organization_id, workspace_id, id FROM orgs.containers
       WHERE first_seen_at <= bursar.real_now() - interval '31 days'
       ORDER BY first_seen_at LIMIT $1)
    RETURNING 1`,
  values: [limit],
});
