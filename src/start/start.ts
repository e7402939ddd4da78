import { type Addresses, forgetAddresses, tellAddresses } from '#db/addresses';
import { readDeployment } from '#db/deployment';
import type { Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { Config, Ports } from '#src/config';
import { banner } from '#src/start/banner';
import { Closers } from '#src/start/closers';
import { ensureDataDir, keyPepper } from '#src/start/data-dir';
import { declareMoney, openDatabase, prepareSchema } from '#src/start/database';
import {
  identityOf,
  openMainPool,
  type Parts,
  runConsole,
  runGateway,
  runWorker,
} from '#src/start/edges';
import { welcomeOwner } from '#src/start/first-owner';
import { joinedAddresses } from '#src/start/joined';
import { type Log, openLog } from '#src/start/log';
import { startOps } from '#src/start/ops';
import { paymentsOf } from '#src/start/payments';
import { choosePorts, urlOf } from '#src/start/ports';
import { StartRefused } from '#src/start/refusal';
import {
  type RunFile,
  removeRunFile,
  removeStaleRunFile,
  runFilePath,
  writeRunFile,
} from '#src/start/run-file';
import { listenForStop, type StopSignal } from '#src/start/stop-signal';
import { openSupplies, type Supplies, usesModelSim, usesStripeSim } from '#src/start/supplies';
import { buildPages, pagesAreStale } from '#src/start/web-build';

export interface Host {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly version: string;
  /** True if the end of the parent process means the end of this one. */
  readonly orphanStops: boolean;
  stdout(text: string): void;
  stderr(text: string): void;
}

/** Everything that runs, and how requests in flight are let finish. */
interface Running {
  readonly run: RunFile;
  readonly banner: string;
  drain(): Promise<void>;
}

interface Progress {
  phase: 'starting' | 'ready' | 'stopping';
}

/** Runs the configured role until it is stopped; answers the exit code. Nothing is left running. */
export async function startBursar(config: Config, host: Host): Promise<number> {
  const stop = listenForStop(host.clock, host.orphanStops);
  const log = openLog(config);
  const closers = new Closers((name, error) => log.error({ err: error, name }, 'did not close'));
  const progress: Progress = { phase: 'starting' };
  const path = runFilePath(config);
  // First in, last out: whoever waits for it to go finds nothing running any more.
  closers.add('run file', async () => removeRunFile(path));
  try {
    const running = await startAll(config, host, log, closers, stop, progress);
    writeRunFile(path, running.run);
    progress.phase = 'ready';
    host.stdout(running.banner);
    const exitCode = await stop.requested;
    progress.phase = 'stopping';
    host.stdout('Stopping: running requests may finish. Once more to stop at once.\n');
    await Promise.race([running.drain(), stop.forced]);
    return exitCode;
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error;
    host.stderr(`${error.message}\n`);
    return error.exitCode;
  } finally {
    progress.phase = 'stopping';
    await closers.closeAll();
  }
}

function neededPorts(config: Config): (keyof Ports)[] {
  const all = config.role === 'all';
  return [
    ...(all || config.role === 'console' ? (['console'] as const) : []),
    ...(all || config.role === 'gateway' ? (['gateway'] as const) : []),
    ...(all && usesStripeSim(config) ? (['stripeSim'] as const) : []),
    ...(all && usesModelSim(config) ? (['modelSim'] as const) : []),
    'ops',
  ];
}

async function startAll(
  config: Config,
  host: Host,
  log: Log,
  closers: Closers,
  stop: StopSignal,
  progress: Progress,
): Promise<Running> {
  const { entropy } = host;
  ensureDataDir(config.dataDir);
  // The lock comes with the database, so before anything a second Bursar would disturb.
  const database = await openDatabase(config, entropy);
  closers.add('database', database.stop);
  removeStaleRunFile(runFilePath(config));
  if (database.adopted) host.stderr('Adopted the database server of an earlier Bursar.\n');
  const ports = await choosePorts(config, neededPorts(config));
  const joins = config.role !== 'all';
  if (joins) await prepareSchema(config, database);
  const joined: Addresses = joins ? await joinedAddresses(config, database.url) : {};
  const consoleUrl = consoleUrlOf(config, ports, joined);
  const onLost = (name: string): void => {
    host.stderr(`The simulator ${name} ended by itself; stopping.\n`);
    stop.request(1);
  };
  const webhookUrl = `${urlOf(config.host, ports.console)}/webhooks/stripe`;
  const [supplies] = await allDone([
    openSupplies({ config, ports, joined, entropy, closers, webhookUrl, onLost }),
    joins ? undefined : prepareSchema(config, database),
    preparePages(config, host),
  ]);
  const pool = openMainPool(database.url);
  closers.add('pool', pool.close);
  await declareMoney(config, pool, supplies.stripe.simulated);
  if (!joins) await tellWhere(pool, consoleUrl, supplies, closers);
  const parts: Parts = {
    ...{ config, clock: host.clock, entropy, log, closers, version: host.version, pool },
    ...{ consoleUrl, stripe: supplies.stripe, upstream: supplies.upstream },
    gatewayUrl: config.publicGatewayUrl ?? urlOf(config.host, ports.gateway),
    databaseUrl: database.url,
    pepper: keyPepper(config, entropy),
  };
  return await startEdges(parts, ports, supplies, progress);
}

/** Links lead to the Console of the system, which a process that joins may not serve itself. */
function consoleUrlOf(config: Config, ports: Ports, joined: Addresses): string {
  const serves = config.role === 'all' || config.role === 'console';
  const theirs = serves ? undefined : joined.console;
  return config.publicConsoleUrl ?? theirs ?? urlOf(config.host, ports.console);
}

/** For whoever joins this system, until it ends. */
async function tellWhere(
  pool: Pool,
  consoleUrl: string,
  { stripeSimUrl, modelSimUrl }: Supplies,
  closers: Closers,
): Promise<void> {
  const told: Addresses = {
    console: consoleUrl,
    ...(stripeSimUrl === undefined ? {} : { stripe_sim: stripeSimUrl }),
    ...(modelSimUrl === undefined ? {} : { model_sim: modelSimUrl }),
  };
  await tellAddresses(pool, told);
  closers.add('addresses', () => forgetAddresses(pool, told));
}

async function startEdges(
  parts: Parts,
  ports: Ports,
  supplies: Supplies,
  progress: Progress,
): Promise<Running> {
  const { config, pool, closers, version } = parts;
  const runs = (role: Config['role']): boolean => config.role === 'all' || config.role === role;
  const identity = identityOf(parts);
  const payments = paymentsOf(parts);
  const console = runs('console')
    ? await runConsole(parts, identity, payments, ports.console)
    : undefined;
  const gateway = runs('gateway') ? await runGateway(parts, payments, ports.gateway) : undefined;
  if (runs('worker')) await runWorker(parts, payments);
  const ready = async (): Promise<boolean> => {
    if (progress.phase !== 'ready') return false;
    return await readDeployment(pool).then(
      () => true,
      () => false,
    );
  };
  const { host } = config;
  const ops = await startOps({
    ...{ host, port: ports.ops, version, role: config.role, ready },
    upstreams: () => gateway?.gateway.upstreams() ?? [],
  });
  closers.add('ops', ops.close);
  const run: RunFile = {
    pid: process.pid,
    role: config.role,
    ...(console === undefined ? {} : { console }),
    ...(gateway === undefined ? {} : { gateway: gateway.url }),
    ...(supplies.stripeSimUrl === undefined ? {} : { stripe_sim: supplies.stripeSimUrl }),
    ...(supplies.modelSimUrl === undefined ? {} : { model_sim: supplies.modelSimUrl }),
    ops: urlOf(host, ports.ops),
    database_url: parts.databaseUrl,
  };
  // A link that signs in belongs on a developer's terminal, not into a production log.
  const greets = config.role === 'all' && !config.production;
  const owner = greets ? await welcomeOwner(pool, identity, parts.entropy) : undefined;
  return {
    run,
    banner: banner(config.brand ?? 'Bursar', run, owner, supplies.stripe.simulated),
    drain: async () => await gateway?.gateway.drain(),
  };
}

async function preparePages(config: Config, host: Host): Promise<void> {
  const serves = config.role === 'all' || config.role === 'console';
  if (!serves || !pagesAreStale()) return;
  host.stderr('Building the pages of the Console…\n');
  await buildPages();
}

/** Like Promise.all, but a failure waits for the others: what they started can then be stopped. */
async function allDone<A, B, C>(
  works: readonly [Promise<A>, Promise<B> | B, Promise<C>],
): Promise<[A, B, C]> {
  await Promise.allSettled(works);
  return await Promise.all(works);
}
