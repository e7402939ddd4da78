import type { Db } from '#db/pool';
import { deleteFile, insertFile, selectOwned, selectPage, selectStoredBytes } from './files-sql.ts';

/** Files are of a workspace: its keys see them and no others do. */
export interface FileScope {
  readonly organizationId: string;
  readonly workspaceId: string;
}

export interface StoredFile {
  /** As the upstream made it. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly expiresAt: Date | null;
}

/** Where a page of files ended. */
export interface FilePosition {
  readonly at: Date;
  readonly id: string;
}

export interface FilePage {
  readonly ids: readonly string[];
  readonly next: FilePosition | null;
}

/** What one organization may keep: the operator's account upstream is shared by all. */
const STORED_BYTES_MAX = 107_374_182_400n;

/** Whose files there are. Neither their names nor their content: those are upstream. */
export interface FileOwners {
  record(scope: FileScope, file: StoredFile): Promise<void>;
  /** Those of `ids` that are of this workspace. */
  owned(scope: FileScope, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Newest first, without those that have expired. */
  page(scope: FileScope, from: FilePosition | undefined, limit: number): Promise<FilePage>;
  /** Whether the organization may store that much more. Two at once may both be let through. */
  mayStore(scope: FileScope, bytes: number): Promise<boolean>;
  forget(scope: FileScope, id: string): Promise<void>;
}

export function fileOwners(db: Db): FileOwners {
  return {
    async record(scope, file) {
      await db.query(insertFile(scope, file));
    },
    async owned(scope, ids) {
      const rows = await db.query<{ id: string }>(selectOwned(scope, ids));
      return new Set(rows.map(({ id }) => id));
    },
    async page(scope, from, limit) {
      const rows = await db.query<{ id: string; uploaded_at: Date }>(
        selectPage(scope, from, limit + 1),
      );
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        ids: shown.map(({ id }) => id),
        next: more ? { at: last.uploaded_at, id: last.id } : null,
      };
    },
    async mayStore({ organizationId }, bytes) {
      const [row] = await db.query<{ bytes: bigint }>(selectStoredBytes(organizationId));
      return (row?.bytes ?? 0n) + BigInt(bytes) <= STORED_BYTES_MAX;
    },
    async forget(scope, id) {
      await db.query(deleteFile(scope, id));
    },
  };
}
