import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the browser's program is made of, besides web/ itself. */
const ALSO = [
  'src/console-api/contract.ts',
  'src/console-api/billing/contract.ts',
  'src/console-api/watch/contract.ts',
  'src/kernel/money.ts',
];

/** True if the built pages are missing or older than any of their sources. */
export function pagesAreStale(root: string = ROOT): boolean {
  const page = join(root, 'dist', 'web', 'index.html');
  if (!existsSync(page)) return true;
  if (!existsSync(join(root, 'web'))) return false;
  const built = statSync(page).mtimeMs;
  const sources = [...filesBelow(join(root, 'web')), ...ALSO.map((path) => join(root, path))];
  return sources.some((path) => existsSync(path) && statSync(path).mtimeMs > built);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Builds the pages of the Console. Takes seconds, so only when they are stale. */
export async function buildPages(root: string = ROOT): Promise<void> {
  const { build } = await import('vite');
  await build({ configFile: join(root, 'web', 'vite.config.ts'), logLevel: 'warn' });
}
