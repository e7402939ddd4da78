import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '#kernel/assert';

/** The account PostgreSQL runs under. It refuses to run as root, so root lends it `nobody`. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined when this process is not root: PostgreSQL then runs as whoever runs Bursar. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = (line ?? '').split(':');
  if (uid === undefined || gid === undefined) {
    throw new Fault('running as root needs an account named "nobody" for PostgreSQL');
  }
  return { uid: Number.parseInt(uid, 10), gid: Number.parseInt(gid, 10) };
}

/** Whether the account may pass through every folder on the way to `path` (which must exist). */
export function reachable(path: string, account: Account | undefined): boolean {
  if (account === undefined) return canEnter(path);
  for (let folder = path; ; folder = dirname(folder)) {
    const found = statSync(folder);
    const bits =
      found.uid === account.uid
        ? found.mode >> 6
        : found.gid === account.gid
          ? found.mode >> 3
          : found.mode;
    if (found.isDirectory() && (bits & 1) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function canEnter(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
