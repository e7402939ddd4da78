import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Answer, table } from '#cli/answer';
import { serverAccount } from '#db/embedded/account';
import { findBinaries } from '#db/embedded/binaries';
import { pendingMigrations } from '#db/migrate';
import { type Db, openPool } from '#db/pool';
import { verifyLedger } from '#ledger/reconcile';
import { OVERDUE_DAYS, readLastVerifications, verificationIsOverdue } from '#ledger/seals';
import { unresolvedPayments } from '#payments/quarantine';
import { type Config, type ConfigOutcome, describeProblems, runFileOf } from '#src/config';
import { paymentChecks } from '#src/start/doctor-payments';
import { operatorsOf } from '#src/start/operators';
import { UPSTREAM_UP } from '#src/start/ops';
import { priceBook } from '#src/start/price-book';
import { readRunFile } from '#src/start/run-file';
import { journalFolder, journalOn } from '#src/start/settlement-journal';
import { databaseUrlOf } from '#src/start/system-access';
import { pagesAreStale } from '#src/start/web-build';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Looks at everything a start needs and, if a system runs, at that. Changes nothing. */
export async function examine(configuration: ConfigOutcome): Promise<Answer> {
  const checks = [...installation(), ...(await configured(configuration))];
  const ok = checks.every((check) => check.ok);
  const rows = checks.map(({ name, ok: fine, detail }) => [fine ? 'ok' : 'FAILED', name, detail]);
  return { outcome: 'done', json: { ok, checks }, text: table(rows), exitCode: ok ? 0 : 1 };
}

function installation(): Check[] {
  const binaries = findBinaries(serverAccount());
  const found = binaries.outcome === 'found';
  const simulators = ['stripe-sim', 'model-sim'].every((name) =>
    existsSync(join(ROOT, 'sims', name, 'main.ts')),
  );
  return [
    { name: 'node', ok: true, detail: process.versions.node },
    {
      name: 'embedded database',
      ok: true,
      detail: found ? 'available' : `not available: ${binaries.reason}; set DATABASE_URL`,
    },
    { name: 'simulators', ok: simulators, detail: simulators ? 'available' : 'files are missing' },
    {
      name: 'console pages',
      ok: true,
      detail: pagesAreStale() ? 'will be built at the next start' : 'built',
    },
  ];
}

async function configured(configuration: ConfigOutcome): Promise<Check[]> {
  if (configuration.outcome === 'invalid') {
    const detail = describeProblems(configuration.problems).trim();
    return [{ name: 'configuration', ok: false, detail }];
  }
  const { config } = configuration;
  const valid = { name: 'configuration', ok: true, detail: 'valid' };
  const run = readRunFile(runFileOf(config));
  const running = {
    name: 'running here',
    ok: true,
    detail: run === undefined ? `nothing on ${config.dataDir}` : `process ${run.pid}`,
  };
  const url = databaseUrlOf(config);
  const journal = await journaledSettlements(config.dataDir);
  const upstreams = await upstreamsOf(config, run?.ops);
  return [
    valid,
    running,
    priceBookOf(config),
    tiersOf(config),
    operatorsCheck(config),
    upstreams,
    journal,
    ...(url === undefined ? [] : await databaseChecks(url, config)),
  ];
}

/** What the files say was checked with the configuration; the price book is read here. */
function priceBookOf(config: Config): Check {
  const name = 'price book';
  try {
    const { rows } = priceBook(config);
    const of = config.priceBook ?? 'the bundled one';
    return { name, ok: true, detail: `${of}: ${rows.length} prices` };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function tiersOf({ tiersFile, tiers, defaultTier }: Config): Check {
  const names = tiers.tiers.map(({ name }) => name).join(', ');
  const detail = `${tiersFile ?? 'the bundled ones'}: ${names}; by default ${defaultTier}`;
  return { name: 'rate limit tiers', ok: true, detail };
}

/** Who may open the operator's page, by this process's configuration. */
function operatorsCheck(config: Config): Check {
  const operators = [...operatorsOf(config)];
  const nobody = 'nobody; BURSAR_OPERATOR_EMAILS names who may open /operator';
  const detail = operators.length === 0 ? nobody : operators.join(', ');
  return { name: 'operators', ok: true, detail };
}

const OPS_MS = 2_000;
const DOWN = new RegExp(`^${UPSTREAM_UP}\\{upstream="([^"]+)"\\} 0$`, 'gm');

/** Where calls go by the configuration and, if a gateway runs here, what fails now. */
async function upstreamsOf(config: Config, ops: string | undefined): Promise<Check> {
  const name = 'upstreams';
  const { upstream, upstreams } = config;
  const listed = upstreams?.entries.map((entry) => `${entry.name} ${entry.url}`).join(', ');
  const configured = listed ?? upstream?.url ?? 'the simulator';
  if (ops === undefined) return { name, ok: true, detail: configured };
  try {
    const answer = await fetch(`${ops}/metrics`, { signal: AbortSignal.timeout(OPS_MS) });
    const down = [...(await answer.text()).matchAll(DOWN)].map(([, found = '']) => found);
    if (down.length === 0) return { name, ok: true, detail: configured };
    return { name, ok: false, detail: `${configured}; failing now: ${down.join(', ')}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, ok: false, detail: `${configured}; ${ops} does not answer: ${reason}` };
  }
}

/** What waits is booked by itself; what the ledger refused is for a person to judge. */
async function journaledSettlements(dataDir: string): Promise<Check> {
  const name = 'settlement journal';
  try {
    const { waiting = 0, rejected = 0 } = (await journalOn(dataDir)) ?? {};
    if (rejected === 0) return { name, ok: true, detail: `${waiting} waiting to be booked` };
    const where = `in ${journalFolder(dataDir)}/*.rejected`;
    return { name, ok: false, detail: `${waiting} waiting, ${rejected} never bookable, ${where}` };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function databaseChecks(url: string, config: Config): Promise<Check[]> {
  const pool = openPool({ url, name: 'doctor', max: 1, statementTimeoutMs: 60_000 });
  try {
    const pending = await pendingMigrations(pool);
    if (pending.length > 0) {
      return [{ name: 'migrations', ok: false, detail: `missing: ${pending.join(', ')}` }];
    }
    const ledger = await verifyLedger(pool, { mode: 'incremental' });
    const broken = ledger.checks.filter((check) => !check.ok).map((check) => check.name);
    const detail = ledger.ok ? `${ledger.entries} entries` : `broken: ${broken.join(', ')}`;
    return [
      { name: 'migrations', ok: true, detail: 'up to date' },
      { name: 'ledger', ok: ledger.ok, detail },
      await lastVerification(pool),
      await quarantinedPayments(pool),
      ...(await paymentChecks(pool, config)),
    ];
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [{ name: 'database', ok: false, detail }];
  } finally {
    await pool.close();
  }
}

/**
 * What the nightly job found, last in each mode; the line above is what is so now. A job that does
 * not run any more must not look like one that finds nothing.
 */
async function lastVerification(db: Db): Promise<Check> {
  const name = 'last verification';
  const last = await readLastVerifications(db);
  const told = last.map(({ mode, ok, entries, at, failed }) => {
    const what = `${mode}, ${entries} entries, ${at.toISOString()}`;
    return ok ? what : `${what}, broken: ${failed.join(', ')}`;
  });
  const found = told.length === 0 ? 'none yet; a worker does it nightly' : told.join('; ');
  const overdue = await verificationIsOverdue(db, OVERDUE_DAYS);
  const detail = overdue ? `${found}; none for ${OVERDUE_DAYS} days: does a worker run?` : found;
  return { name, ok: !overdue && last.every(({ ok }) => ok), detail };
}

async function quarantinedPayments(db: Db): Promise<Check> {
  const ids = await unresolvedPayments(db);
  const detail =
    ids.length === 0 ? 'none' : `${ids.length} to grant or refund by hand: ${ids.join(', ')}`;
  return { name: 'quarantined payments', ok: ids.length === 0, detail };
}
