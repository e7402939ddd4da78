import type { Db } from '#db/pool';
import type { FileScope } from '#orgs/files';
import { deleteOldContainers, insertContainers, selectOwnedContainers } from './containers-sql.ts';

/** Whose containers there are, in which tools of a model run. They are a workspace's, as files are. */
export interface ContainerOwners {
  /** Ids as the upstream made them, each at most 200 letters, digits, `_` and `-`. */
  record(scope: FileScope, ids: readonly string[]): Promise<void>;
  /** Those of `ids` that are of this workspace. */
  owned(scope: FileScope, ids: readonly string[]): Promise<ReadonlySet<string>>;
}

export function containerOwners(db: Db): ContainerOwners {
  return {
    async record(scope, ids) {
      if (ids.length > 0) await db.query(insertContainers(scope, ids));
    },
    async owned(scope, ids) {
      const rows = await db.query<{ id: string }>(selectOwnedContainers(scope, ids));
      return new Set(rows.map(({ id }) => id));
    },
  };
}

/** Forgets up to `limit` containers that are gone upstream: none lives for 31 days. Returns how many. */
export async function forgetContainers(db: Db, limit: number): Promise<number> {
  return (await db.query(deleteOldContainers(limit))).length;
}
