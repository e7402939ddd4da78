import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, reachable } from '#db/embedded/account';
import { readTextFields } from '#db/embedded/json-file';
import { Fault } from '#kernel/assert';
import type { Entropy } from '#kernel/ids';

/** What the roles of the embedded server sign in with; kept in the data directory, mode 0600. */
export interface Passwords {
  readonly superuser: string;
  readonly owner: string;
  readonly app: string;
}

const SECRET_BYTES = 24;

/** The passwords of this data directory, made on its first use. */
export function readPasswords(dataDir: string, entropy: Entropy): Passwords {
  const path = join(dataDir, 'postgres-passwords.json');
  if (existsSync(path)) {
    const kept = readTextFields(path, ['superuser', 'owner', 'app']);
    if (kept === undefined) throw new Fault(`${path} is damaged; restore it from a backup`);
    return kept;
  }
  const secret = () => Buffer.from(entropy.bytes(SECRET_BYTES)).toString('base64url');
  const passwords = { superuser: secret(), owner: secret(), app: secret() };
  // Renamed into place: a crash halfway must not leave a server nobody can sign in to.
  writeFileSync(`${path}.draft`, JSON.stringify(passwords), { mode: 0o600 });
  renameSync(`${path}.draft`, path);
  return passwords;
}

/**
 * The folder the server's account owns, inside the data directory, so that whoever copies that
 * copies everything. Only where the way to it is closed to the account (root's home) is the
 * folder made below /var/lib and linked to.
 */
export function serverFolder(dataDir: string, account: Account | undefined): string {
  const folder = join(dataDir, 'postgres');
  if (existsSync(folder)) return folder;
  if (!reachable(dataDir, account) && reachable(dirname(dataDir), account)) {
    // Passing through, not looking: what lies here is readable by its owner only.
    chmodSync(dataDir, statSync(dataDir).mode | 0o011);
  }
  if (reachable(dataDir, account)) {
    mkdirSync(folder, { mode: 0o700 });
  } else {
    mkdirSync('/var/lib/bursar', { recursive: true, mode: 0o755 });
    symlinkSync(mkdtempSync('/var/lib/bursar/postgres-'), folder);
  }
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  return folder;
}

const run = promisify(execFile);

export interface NewCluster {
  readonly native: string;
  readonly folder: string;
  readonly account: Account | undefined;
  readonly password: string;
  readonly fsync: boolean;
}

/** Makes the database files unless they exist. A half-made attempt is thrown away. */
export async function ensureCluster(cluster: NewCluster): Promise<string> {
  const data = join(cluster.folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return data;
  const draft = join(cluster.folder, 'data.draft');
  const passwordFile = join(cluster.folder, 'password.draft');
  rmSync(draft, { recursive: true, force: true });
  writeFileSync(passwordFile, `${cluster.password}\n`, { mode: 0o600 });
  if (cluster.account !== undefined) {
    chownSync(passwordFile, cluster.account.uid, cluster.account.gid);
  }
  try {
    await run(
      join(cluster.native, 'bin', 'initdb'),
      [
        ...['--pgdata', draft, '--username', 'postgres', '--pwfile', passwordFile],
        ...['--auth', 'scram-sha-256', '--encoding', 'UTF8'],
        ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
        ...(cluster.fsync ? [] : ['--no-sync']),
      ],
      { ...(cluster.account ?? {}), cwd: '/', env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } },
    );
    renameSync(draft, data);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  return data;
}
