import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** What the run file of a whole system says. */
const wholeShape = z.object({
  pid: z.int(),
  role: z.literal('all'),
  console: z.url(),
  gateway: z.url(),
  stripe_sim: z.url(),
  model_sim: z.url(),
  ops: z.url(),
  database_url: z.string(),
});
const gatewayShape = z.object({ pid: z.int(), role: z.literal('gateway'), gateway: z.url() });

export type RunFile = z.infer<typeof wholeShape>;
export type GatewayRunFile = z.infer<typeof gatewayShape>;

export interface CliAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One running process of the product. */
export interface Running<R> {
  readonly run: R;
  readonly dataDir: string;
  readonly runFile: string;
  /** What it printed so far. */
  output(): string;
  /** Closes what it prints to, as a terminal does that is shut. */
  deafen(): void;
  /** As SIGTERM does: answers its exit code once it is gone. The data directory stays. */
  halt(): Promise<number>;
  /** Halts it, which must end well, and removes its data directory. May be called twice. */
  stop(): Promise<void>;
}

export interface Product extends Running<RunFile> {
  /** The answer of `bursar ARGS --json`; rejects when it did not exit with 0. */
  cli<T>(shape: z.ZodType<T>, ...args: readonly string[]): Promise<T>;
  /** The same without a judgement: for refusals. */
  tryCli(...args: readonly string[]): Promise<CliAnswer>;
}

export interface StartOptions {
  /** An existing directory to start on; kept by `stop` for its owner to remove. */
  readonly dataDir?: string;
  /** Its run file in the data directory, where another process already has `run.json`. */
  readonly runFileName?: RegExp;
  readonly environment?: Readonly<Record<string, string>>;
}

export const root = fileURLToPath(new URL('../..', import.meta.url));

const ENTRY = join(root, 'bin', 'bursar.mjs');
const KEEPER = join(root, 'test', 'support', 'keeper.mjs');
const START_MS = 100_000;
const HALT_MS = 60_000;
const CLI_MS = 60_000;
const OUTPUT_KEPT = 20_000;
const OURS = /^(BURSAR_|STRIPE_|DATABASE_|PUBLIC_|SMTP_|MAIL_|NODE_ENV|LOG_LEVEL|OTEL_|VITEST)/;

const ANY_PORTS = {
  BURSAR_CONSOLE_PORT: '0',
  BURSAR_GATEWAY_PORT: '0',
  BURSAR_STRIPE_SIM_PORT: '0',
  BURSAR_MODEL_SIM_PORT: '0',
  BURSAR_OPS_PORT: '0',
};

/** The environment of whoever runs the tests, without anything that would configure the product. */
export function cleanEnvironment(
  more: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

const PREFIX = 'bursar-e2e-';

export function newDataDir(): string {
  sweepAbandoned();
  const dataDir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  // As root, PostgreSQL runs as another account, which has to pass through.
  if (process.getuid?.() === 0) chmodSync(dataDir, 0o711);
  return dataDir;
}

/** A run that was killed has stopped its products, but could not remove what they wrote. */
function sweepAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^bursar-e2e-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(join('/proc', pid))) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Starts `bursar start` with everything in it, on free ports and a data directory of its own. */
export async function startProduct(options: StartOptions = {}): Promise<Product> {
  const process = await startProcess(wholeShape, options);
  const tryCli = (...args: readonly string[]) => runCli(process.dataDir, args);
  return {
    ...process,
    tryCli,
    async cli(shape, ...args) {
      const answer = await tryCli(...args);
      if (answer.exitCode !== 0) {
        throw new Error(`bursar ${args.join(' ')}: exit ${answer.exitCode}: ${answer.stderr}`);
      }
      return shape.parse(JSON.parse(answer.stdout));
    },
  };
}

/**
 * A second process of the same system, on the same machine, that only serves API traffic;
 * `databaseUrl` is its way to the database, if it has one of its own.
 */
export function joinGateway(
  product: Product,
  databaseUrl = product.run.database_url,
  more: Readonly<Record<string, string>> = {},
): Promise<Running<GatewayRunFile>> {
  return startProcess(gatewayShape, {
    dataDir: product.dataDir,
    runFileName: /^run-gateway-\d+\.json$/,
    environment: { BURSAR_ROLE: 'gateway', DATABASE_URL: databaseUrl, ...more },
  });
}

/** Runs `bursar start` where it is expected to refuse; answers what it said. */
export function startRefused(dataDir: string): Promise<CliAnswer> {
  return runCli(dataDir, ['start'], ANY_PORTS);
}

function runCli(
  dataDir: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CliAnswer> {
  const env = cleanEnvironment({ BURSAR_DATA_DIR: dataDir, ...environment });
  return new Promise((resolve) => {
    const command = [ENTRY, ...args, '--json'];
    const options = { cwd: root, env, timeout: CLI_MS, maxBuffer: 16 * 1024 * 1024 };
    const child = execFile(process.execPath, command, options, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function startProcess<R>(shape: z.ZodType<R>, options: StartOptions): Promise<Running<R>> {
  const dataDir = options.dataDir ?? newDataDir();
  const child = spawn(process.execPath, [KEEPER, process.execPath, ENTRY, 'start'], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: cleanEnvironment({
      ...ANY_PORTS,
      BURSAR_DATA_DIR: dataDir,
      BURSAR_DRAIN_SECONDS: '5',
      ...options.environment,
    }),
  });
  child.stdin.on('error', () => {});
  const output = outputOf(child);
  const ended = exitOf(child);
  const halt = () => haltKept(child, ended, output);
  const forget = () => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const runFile = await readyRunFile(
      dataDir,
      options.runFileName ?? /^run\.json$/,
      child,
      output,
    );
    const run = shape.parse(JSON.parse(readFileSync(runFile, 'utf8')));
    const stop = async () => {
      const exitCode = await halt();
      forget();
      if (exitCode !== 0) throw new Error(`the product ended with ${exitCode}:\n${output()}`);
    };
    const deafen = () => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    return { run, dataDir, runFile, output, deafen, halt, stop };
  } catch (error) {
    await halt().catch(() => {});
    forget();
    throw error;
  }
}

/** It is written aside and renamed, so once it is there it is whole. */
async function readyRunFile(
  dataDir: string,
  name: RegExp,
  child: ChildProcess,
  output: () => string,
): Promise<string> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`the product ended with ${child.exitCode} at its start:\n${output()}`);
    }
    const found = readdirSync(dataDir).find((entry) => name.test(entry));
    if (found !== undefined) return join(dataDir, found);
    await pause(50);
  }
  throw new Error(`the product was not ready after ${START_MS} ms:\n${output()}`);
}

/** Closing its stdin makes the keeper stop the product. */
async function haltKept(
  child: ChildProcess,
  ended: Promise<number>,
  output: () => string,
): Promise<number> {
  child.stdin?.end();
  const late = new AbortController();
  const code = await Promise.race([
    ended,
    pause(HALT_MS, undefined, { signal: late.signal }).catch(() => undefined),
  ]);
  late.abort();
  if (code !== undefined) return code;
  child.kill('SIGKILL');
  throw new Error(`the product did not stop within ${HALT_MS} ms:\n${output()}`);
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('exit', (code) => resolve(code ?? -1));
  });
}

function outputOf(child: ChildProcess): () => string {
  let text = '';
  const keep = (part: Buffer) => {
    text = (text + part.toString('utf8')).slice(-OUTPUT_KEPT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => text;
}
