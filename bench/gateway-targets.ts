import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { joinGateway, startProduct } from '#test/product';

/** Something that answers Messages calls, directly or by passing them on. */
export interface Target {
  readonly name: string;
  /** Short, for the names of figures. */
  readonly label: 'upstream' | 'bare_proxy' | 'gateway' | 'portkey';
  readonly url: string;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Targets {
  /** The model itself first, then the yardstick, then what is measured. */
  readonly all: readonly Target[];
  stop(): Promise<void>;
}

/** Every one of them is a process of its own, and all pass on to the same model. */
export async function startTargets(portkey: boolean): Promise<Targets> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const upstream = await startScript('upstream.ts', []);
    stops.push(upstream.stop);
    const bare = await startScript('bare-proxy.ts', [upstream.url]);
    stops.push(bare.stop);
    const gateway = await startGateway(upstream.url);
    stops.push(gateway.stop);
    const key = { 'x-api-key': 'sim' };
    const all: Target[] = [
      { name: 'the model itself', label: 'upstream', headers: key, ...upstream },
      { name: 'bare Node proxy', label: 'bare_proxy', headers: key, ...bare },
      { name: 'gateway: key, hold, relay, settle', label: 'gateway', ...gateway },
    ];
    if (portkey) {
      const other = await startPortkey();
      stops.push(other.stop);
      const headers = {
        ...key,
        'x-portkey-provider': 'anthropic',
        'x-portkey-custom-host': `${upstream.url}/v1`,
      };
      all.push({ name: `Portkey ${PORTKEY}, no billing`, label: 'portkey', headers, ...other });
    }
    return { all, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Started {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

async function startScript(file: string, args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [pathOf(file), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  const gone = once(child, 'exit');
  return {
    url: String(url),
    pid: pidOf(child),
    async stop() {
      child.stdin.end();
      await gone;
    },
  };
}

/** A gateway process on the database of a whole system, with an organization that can pay. */
async function startGateway(
  upstreamUrl: string,
): Promise<Started & { readonly headers: Target['headers'] }> {
  const product = await startProduct({ environment: { LOG_LEVEL: 'fatal' } });
  try {
    const node = await joinGateway(product, product.run.database_url, {
      BURSAR_UPSTREAM_URL: upstreamUrl,
      BURSAR_UPSTREAM_KEY: 'sim',
      LOG_LEVEL: 'fatal',
    });
    const { id } = await product.cli(z.object({ id: z.string() }), 'org', 'create', 'Bench');
    await product.cli(z.unknown(), 'grant', '--org', id, '--usd', '1000000');
    const made = await product.cli(z.object({ key: z.string() }), 'key', 'create', '--org', id);
    return {
      url: node.run.gateway,
      pid: node.run.pid,
      headers: { 'x-api-key': made.key },
      async stop() {
        await node.stop();
        await product.stop();
      },
    };
  } catch (error) {
    await product.stop();
    throw error;
  }
}

const PORTKEY = '1.15.2';
const INSTALL_MS = 300_000;
const READY_MS = 30_000;

/** Installed for this run, into a folder that goes with it: it is no dependency of ours. */
async function startPortkey(): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'bursar-bench-portkey-'));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  // Newer ones of that server do not stream with it on current Node versions.
  const manifest = {
    private: true,
    dependencies: { '@portkey-ai/gateway': PORTKEY },
    overrides: { '@hono/node-server': '1.13.8' },
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const install = spawnSync('npm', ['install', ...options], { cwd: folder, timeout: INSTALL_MS });
  if (install.status !== 0) {
    forget();
    throw new Error(`Portkey could not be installed: ${install.stderr}`);
  }
  const port = await freePort();
  const program = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  const args = ['--import', pathOf('loopback-only.ts'), program, '--headless', `--port=${port}`];
  const child = spawn(process.execPath, args, {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
  });
  const gone = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
    forget();
  };
  for (const deadline = performance.now() + READY_MS; ; await pause(100)) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return { url, pid: pidOf(child), stop };
    if (performance.now() < deadline) continue;
    await stop();
    throw new Error('Portkey did not start');
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a process did not start');
  return pid;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}
