import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Stripe from 'stripe';
import { verifyLedger } from '#ledger/reconcile';
import { makeDefault, syncCards } from '#payments/cards';
import { ensureCustomer } from '#payments/opening';
import { saveReloadSettings } from '#payments/reload-settings';
import { give, makePayer, type Payer, usd } from '#test/ledger-world';
import { inParallel } from './ledger-server.ts';
import { openShop, type Shop } from './purchase-shop.ts';
import { now, type SlowProcessor, slowProcessor } from './reload-processor.ts';
import { keep, percentile } from './report.ts';

const PROCESS = fileURLToPath(new URL('reload-process.ts', import.meta.url));
const KEY = 'sk_test_bench';
const PROCESSES = 2;
/** What the promise is made for. */
const ANSWER_MS = 300;
/** Reloads a second: eighteen thousand an hour. */
const CROSSED_PER_SECOND = 5;
/** From fifty dollars to below the mark of ten; the reload buys it back up to fifty. */
const COST = '40.50';
const [TARGET, THRESHOLD] = [usd('50'), usd('10')];
const GIVE_UP_MS = 60_000;
const MADE_AT_ONCE = 8;

/**
 * From the settlement that takes credit below the mark to the request that charges the card, and to
 * credit that can be used: two processes of the product, many organizations, and a processor that
 * answers every request after 300 ms. An organization reloads at most once a minute and three times
 * an hour, so between the rounds a minute of business time is made to pass.
 */
export async function benchReload(quick: boolean): Promise<void> {
  const [organizations, rounds] = quick ? [15, 2] : [100, 3];
  const started: number[] = [];
  const usable: number[] = [];
  await openShop(async (shop) => {
    await shop.owner.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
    const payers = await inParallel(organizations, MADE_AT_ONCE, () => reloader(shop));
    const processor = await slowProcessor(shop.processorUrl, ANSWER_MS);
    const processes = await Promise.all(
      Array.from({ length: PROCESSES }, () => startProcess(shop.databaseUrl, processor.url)),
    );
    try {
      console.log(`\nreload: ${organizations * rounds} crossings, mark crossed to …, in ms`);
      for (let round = 1; round <= rounds; round++) {
        const waits = await crossAll(shop, processor, processes, payers, round);
        started.push(...waits.started);
        usable.push(...waits.usable);
        await shop.owner.query({ text: `SELECT bursar.advance_clock(interval '61 seconds')` });
      }
    } finally {
      await Promise.all(processes.map(stopProcess));
      await processor.close();
    }
    const verified = await verifyLedger(shop.deps.pool);
    if (!verified.ok) throw new Error('the ledger does not verify');
  });
  keep('reload', {
    crossings: started.length,
    ...told('charge_started', started),
    ...told('usable', usable),
  });
}

/** An organization with fifty dollars, a saved card, and auto-reload switched on. */
async function reloader(shop: Shop): Promise<Payer> {
  const payer = await makePayer(shop.deps.pool);
  const { organizationId } = payer;
  await give(shop.deps.pool, payer, TARGET);
  const customer = await ensureCustomer(shop.deps, { organizationId, attempt: 1 });
  if (customer.outcome !== 'done') throw new Error(customer.detail);
  const { hostname: host, port } = new URL(shop.processorUrl);
  const stripe = new Stripe(KEY, { host, port, protocol: 'http', telemetry: false });
  const card = await stripe.paymentMethods.attach('pm_card_visa', {
    customer: customer.customerId,
  });
  await syncCards(shop.deps, organizationId);
  await makeDefault(shop.deps, organizationId, card.id);
  const terms = { enabled: true, threshold: THRESHOLD, target: TARGET };
  const bounds = { maxPerDay: 24, maxPerMonth: null };
  await saveReloadSettings(shop.deps, organizationId, { ...terms, ...bounds }, 'bench');
  return payer;
}

interface Waits {
  readonly started: readonly number[];
  readonly usable: readonly number[];
}

/** Every organization once, at a steady pace, in one process after the other. */
async function crossAll(
  shop: Shop,
  processor: SlowProcessor,
  processes: readonly ChildProcess[],
  payers: readonly Payer[],
  round: number,
): Promise<Waits> {
  const crossedAt = new Map<string, number>();
  const listeners = processes.map((child) => {
    const listen = (message: unknown) => {
      const told = Object(message);
      const at: unknown = Reflect.get(told, 'crossedAt');
      if (typeof at === 'number') crossedAt.set(String(Reflect.get(told, 'crossed')), at);
    };
    child.on('message', listen);
    return () => child.off('message', listen);
  });
  const credit = watchCredit(shop, payers, round);
  for (const [at, payer] of payers.entries()) {
    processes[at % processes.length]?.send({ ...payer, cost: COST });
    await pause(1_000 / CROSSED_PER_SECOND);
  }
  const creditedAt = await credit;
  for (const forget of listeners) forget();
  const from = ({ organizationId }: Payer) => crossedAt.get(organizationId) ?? Number.NaN;
  return {
    started: payers.map((payer) => {
      const charges = processor.charges(payer.organizationId);
      if (charges.length !== round) throw new Error(`${charges.length} charges, not ${round}`);
      return (charges[round - 1] ?? Number.NaN) - from(payer);
    }),
    usable: payers.map(
      (payer) => (creditedAt.get(payer.organizationId) ?? Number.NaN) - from(payer),
    ),
  };
}

/** When each was seen with its credit. Grant, balance and state are one transaction. */
async function watchCredit(
  shop: Shop,
  payers: readonly Payer[],
  round: number,
): Promise<ReadonlyMap<string, number>> {
  const waiting = new Set<string>(payers.map(({ organizationId }) => organizationId));
  const seen = new Map<string, number>();
  const deadline = now() + GIVE_UP_MS + (payers.length * 1_000) / CROSSED_PER_SECOND;
  while (waiting.size > 0) {
    const rows = await shop.owner.query<{ id: string }>({
      text: `SELECT organization_id AS id FROM payments.purchases
        WHERE state = 'credited' AND organization_id = ANY ($1)
        GROUP BY 1 HAVING count(*) = $2`,
      values: [[...waiting], round],
    });
    for (const { id } of rows) {
      seen.set(id, now());
      waiting.delete(id);
    }
    if (now() > deadline) throw new Error(`${waiting.size} reloads were never credited`);
    await pause(20);
  }
  return seen;
}

async function startProcess(databaseUrl: string, processorUrl: string): Promise<ChildProcess> {
  const child = fork(PROCESS, [databaseUrl, processorUrl, KEY], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('a process of the bench ended at its start');
  });
  await Promise.race([once(child, 'message'), ended]);
  return child;
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.send('stop');
  await once(child, 'exit');
}

function told(name: string, waits: readonly number[]): Record<string, number> {
  const sorted = [...waits].sort((a, b) => a - b);
  const [p50, p99, max] = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1) ?? 0];
  console.log(
    `  ${name.padEnd(16)} p50 ${p50.toFixed(0)}  p99 ${p99.toFixed(0)}  max ${max.toFixed(0)}`,
  );
  return { [`${name}_p50_ms`]: p50, [`${name}_p99_ms`]: p99, [`${name}_max_ms`]: max };
}
