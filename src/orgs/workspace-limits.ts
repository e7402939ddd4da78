import type { Db } from '#db/pool';
import { selectWorkspaceRateLimits, updateWorkspaceRateLimit } from './sql.ts';

/** A workspace with what it is limited to, as stored; what it means is for rate-limits to say. */
export interface LimitedWorkspace {
  readonly id: string;
  readonly rateLimits: unknown;
}

/** Limits one kind of one class, or (null) lifts that. False if there is no such workspace. */
export async function limitWorkspace(
  db: Db,
  workspace: { readonly organizationId: string; readonly workspaceId: string },
  limit: { readonly classId: string; readonly kind: string; readonly perMinute: number | null },
): Promise<boolean> {
  const { organizationId, workspaceId } = workspace;
  const { classId, kind, perMinute } = limit;
  const named = [classId, kind] as const;
  const statement = updateWorkspaceRateLimit(organizationId, workspaceId, named, perMinute);
  return (await db.query(statement)).length > 0;
}

export async function readLimitedWorkspaces(
  db: Db,
  organizationId: string,
): Promise<LimitedWorkspace[]> {
  const statement = selectWorkspaceRateLimits(organizationId);
  const rows = await db.query<{ id: string; rate_limits: unknown }>(statement);
  return rows.map((row) => ({ id: row.id, rateLimits: row.rate_limits }));
}
