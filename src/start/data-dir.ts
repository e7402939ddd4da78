import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entropy } from '#kernel/ids';
import type { Config } from '#src/config';

const SECRET_BYTES = 32;

/** Others may pass through, as PostgreSQL's own account must; nobody else may list it. */
export function ensureDataDir(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
}

/** A secret made on first use and kept in the data directory, readable by its owner only. */
export function keptSecret(dataDir: string, name: string, entropy: Entropy): string {
  const path = join(dataDir, name);
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}`;
    const secret = Buffer.from(entropy.bytes(SECRET_BYTES)).toString('base64url');
    writeFileSync(draft, secret, { mode: 0o600 });
    renameSync(draft, path);
  }
  return readFileSync(path, 'utf8').trim();
}

/** The secret under which API keys, links and sessions are digested. */
export function keyPepper(config: Config, entropy: Entropy): Buffer {
  const given = config.keyPepper?.reveal();
  return Buffer.from(given ?? keptSecret(config.dataDir, 'key-pepper', entropy), 'utf8');
}
