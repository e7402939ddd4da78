import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOf } from '#db/embedded/alive';
import { readTextFields } from '#db/embedded/json-file';

export type Lock =
  | { readonly outcome: 'taken'; release(): void }
  | { readonly outcome: 'in_use'; readonly pid: number };

interface Holder {
  readonly pid: number;
  readonly started: string;
}

/**
 * One live Bursar per data directory. The lock of a process that is gone (power cut, SIGKILL) is
 * replaced; the lock of a running one is respected. Process id and start time together name a
 * process, so a reused id does not keep the directory closed for ever.
 */
export function lockDirectory(dataDir: string): Lock {
  const path = join(dataDir, 'bursar.lock');
  const draft = `${path}.${process.pid}`;
  const mine: Holder = { pid: process.pid, started: startOf(process.pid) ?? '' };
  writeFileSync(draft, JSON.stringify({ ...mine, pid: String(mine.pid) }), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linked(draft, path)) {
        return { outcome: 'taken', release: () => rmSync(path, { force: true }) };
      }
      const holder = readHolder(path);
      if (holder !== undefined && startOf(holder.pid) === holder.started) {
        return { outcome: 'in_use', pid: holder.pid };
      }
      rmSync(path, { force: true });
    }
    return { outcome: 'in_use', pid: readHolder(path)?.pid ?? 0 };
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A hard link appears whole or not at all: nobody ever reads half a lock. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  const fields = readTextFields(path, ['pid', 'started']);
  if (fields === undefined) return undefined;
  return { pid: Number.parseInt(fields.pid, 10), started: fields.started };
}
