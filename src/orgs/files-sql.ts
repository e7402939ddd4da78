import type { Statement } from '#db/pool';
import type { FilePosition, FileScope, StoredFile } from '#orgs/files';

/** Notes whose an uploaded file is. A second note of the same upload changes nothing. */
export const insertFile = (scope: FileScope, file: StoredFile): Statement => ({
  text: `INSERT INTO orgs.files (organization_id, workspace_id, id, size_bytes, expires_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
  values: [scope.organizationId, scope.workspaceId, file.id, file.sizeBytes, file.expiresAt],
});

/** Those of the files that are of this workspace. */
export const selectOwned = (scope: FileScope, ids: readonly string[]): Statement => ({
  name: 'orgs_files_owned',
  text: `SELECT id FROM orgs.files
    WHERE organization_id = $1 AND workspace_id = $2 AND id = ANY ($3::text[])`,
  values: [scope.organizationId, scope.workspaceId, ids],
});

/** Files of a workspace, newest first, after a position and up to a bound. */
export const selectPage = (
  scope: FileScope,
  after: FilePosition | undefined,
  limit: number,
): Statement => ({
  text: `SELECT id, uploaded_at FROM orgs.files
    WHERE organization_id = $1 AND workspace_id = $2
      AND (expires_at IS NULL OR expires_at > bursar.real_now())
      AND ($3::timestamptz IS NULL OR (uploaded_at, id) < ($3, $4))
    ORDER BY uploaded_at DESC, id DESC LIMIT $5`,
  values: [scope.organizationId, scope.workspaceId, after?.at ?? null, after?.id ?? null, limit],
});

/** What the files of an organization take, in all its workspaces. */
export const selectStoredBytes = (organizationId: string): Statement => ({
  text: `SELECT coalesce(sum(size_bytes), 0)::bigint AS bytes FROM orgs.files
    WHERE organization_id = $1 AND (expires_at IS NULL OR expires_at > bursar.real_now())`,
  values: [organizationId],
});

/** Forgets a file that is no longer there. */
export const deleteFile = (scope: FileScope, id: string): Statement => ({
  text: 'DELETE FROM orgs.files WHERE organization_id = $1 AND workspace_id = $2 AND id = $3',
  values: [scope.organizationId, scope.workspaceId, id],
});
