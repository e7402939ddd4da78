import { inject } from 'vitest';
import { openPool, type Pool } from '#db/pool';
import { randomName } from '#test/postgres';

/** A database of its own for one test or one file: a clone of the migrated template. */
export interface TestDatabase {
  /** As the application role: what the product may do. */
  readonly pool: Pool;
  /** As the owner: for planting states the application could never write. */
  readonly ownerPool: Pool;
  readonly url: string;
  readonly ownerUrl: string;
  drop(): Promise<void>;
}

const POOL_SIZE = 10;
/** A test may ask for far more at once than there are connections, on a machine that is busy. */
const CONNECT_MS = 60_000;

/** An empty database instead of a clone is for tests of migrations themselves. */
export async function testDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = inject('testServer');
  const empty = options.empty === true;
  if (server.failure !== null && !empty) throw new Error(server.failure);
  const name = randomName();
  const source = empty ? 'template0' : server.template;
  await asAdmin(
    server.adminUrl,
    `CREATE DATABASE ${name} TEMPLATE ${source} OWNER bursar_owner`,
    // Two files at once: the template lets one copy at a time begin.
    20,
  );
  const url = onDatabase(server.url, name);
  const ownerUrl = onDatabase(server.ownerUrl, name);
  const pool = openPool({ url, name: 'test', max: POOL_SIZE, connectTimeoutMs: CONNECT_MS });
  const ownerPool = openPool({ url: ownerUrl, name: 'test owner', max: 4 });
  return {
    pool,
    ownerPool,
    url,
    ownerUrl,
    async drop() {
      await Promise.all([pool.close(), ownerPool.close()]);
      await asAdmin(server.adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, 1);
    },
  };
}

function onDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function asAdmin(url: string, text: string, tries: number): Promise<void> {
  const admin = openPool({ url, name: 'test admin', max: 1, statementTimeoutMs: 60_000 });
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await admin.query({ text });
        return;
      } catch (error) {
        if (attempt >= tries) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50 * attempt));
      }
    }
  } finally {
    await admin.close();
  }
}
