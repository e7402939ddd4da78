import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type EmbeddedDatabase, startEmbedded } from '#db/embedded/supervisor';
import { migrate } from '#db/migrate';
import { systemEntropy } from '#src/system';

/** What a test needs to clone the migrated template. `failure` is set if that could not be made. */
export interface TestServer {
  readonly url: string;
  readonly ownerUrl: string;
  readonly adminUrl: string;
  readonly template: string;
  readonly failure: string | null;
}

declare module 'vitest' {
  interface ProvidedContext {
    testServer: TestServer;
  }
}

const PREFIX = 'bursar-test-';

/**
 * One throw-away PostgreSQL for the whole run; its database `bursar` is the template.
 * A failing migration fails only the tests that ask for a database.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweepAbandoned();
  const dataDir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const server = await startEmbedded({ dataDir, entropy: systemEntropy, fsync: false });
  if (server.outcome !== 'running') throw new Error(`no PostgreSQL: ${JSON.stringify(server)}`);
  const { url, ownerUrl, adminUrl } = server;
  const failure = await migrationFailure(ownerUrl);
  project.provide('testServer', { url, ownerUrl, adminUrl, template: 'bursar', failure });
  const stop = stopOnce(server, dataDir);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void stop().then(() => process.exit(130));
    });
  }
  return stop;
}

function stopOnce(server: EmbeddedDatabase, dataDir: string): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => {
    stopping ??= server.stop().then(() => rmSync(dataDir, { recursive: true, force: true }));
    return stopping;
  };
}

async function migrationFailure(ownerUrl: string): Promise<string | null> {
  try {
    const result = await migrate(ownerUrl);
    return result.outcome === 'migrated' ? null : result.message;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A run that was killed leaves its server behind: the next run stops and removes it. */
async function sweepAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const match = /^bursar-test-(\d+)-/.exec(name);
    if (match === null || runs(Number(match[1]))) continue;
    const dataDir = join(tmpdir(), name);
    const server = await startEmbedded({ dataDir, entropy: systemEntropy, fsync: false });
    if (server.outcome !== 'running') continue;
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8') !== '';
  } catch {
    return false;
  }
}

export const randomName = (): string => `t_${randomBytes(8).toString('hex')}`;
