import { setTimeout as pause } from 'node:timers/promises';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { type Purchase, refreshPurchase } from '#payments/purchases';
import { startWorker } from '#worker/run';
import { openShop, PRICE, type Shop } from './purchase-shop.ts';
import { deliverShuffled } from './purchase-webhooks.ts';
import { keep, percentile } from './report.ts';

/** Seconds after coming back at which the page asks again, as web's refresh-schedule.ts. */
const RETURN_PAGE_S = [0, 0.5, 1, 2, 3, 5, 8, 13, 20, 30];
/** Payments a second: more than the busiest hour of a large deployment. */
const PAID_PER_SECOND = 15;
const GIVE_UP_MS = 120_000;

/**
 * From paid to usable credit with every webhook lost, browser closed and open; after an outage of the
 * processor; and 100,000 webhook deliveries, each event a hundred times, shuffled. The processor is
 * the simulator in a process of its own. About ten minutes on two processors, most of it deliveries.
 */
export async function benchPurchase(quick: boolean): Promise<void> {
  const count = quick ? 100 : 1_000;
  const metrics: Record<string, number> = {};
  const note = (values: Readonly<Record<string, number>>) => Object.assign(metrics, values);
  await openShop(async (shop) => {
    const worker = await startWorker({ ...shop.deps, databaseUrl: shop.databaseUrl });
    try {
      console.log(`\npurchase: ${count} purchases, every webhook lost; paid to usable, in ms`);
      note(await waits(shop, 'browser_closed', count, () => {}));
      note(await waits(shop, 'browser_open', count, (purchase) => comeBack(shop, purchase)));
      const paid = quick ? 20 : 200;
      console.log(`\npurchase: ${paid} paid while the processor is away for 30 minutes`);
      note({ outage_down_s: await afterOutage(shop, 'down', paid) });
      note({ outage_hang_s: await afterOutage(shop, 'hang', paid) });
    } finally {
      await worker.close();
    }
    note(await deliverShuffled(shop, quick ? 10 : 500, 100));
    const verified = await verifyLedger(shop.deps.pool);
    if (!verified.ok) throw new Error('the ledger does not verify');
  });
  keep('purchase', metrics);
}

/** What the return page does; a refresh that fails is one more that did not help. */
async function comeBack(shop: Shop, purchase: Purchase): Promise<void> {
  const began = performance.now();
  for (const second of RETURN_PAGE_S) {
    await pause(Math.max(0, began + second * 1_000 - performance.now()));
    const refreshed = await refreshPurchase(shop.deps, purchase.id).catch(() => undefined);
    if (refreshed?.outcome === 'unknown_purchase') throw new Error(`lost ${purchase.id}`);
    if (refreshed?.purchase.state === 'credited') return;
  }
}

/** Pays one purchase after the other at a steady pace and notes how long each waits for credit. */
async function waits(
  shop: Shop,
  name: string,
  count: number,
  afterwards: (purchase: Purchase) => Promise<void> | void,
): Promise<Record<string, number>> {
  const purchases = await shop.begin(count);
  const paidAt = new Map<string, number>();
  const usable = watchCredit(shop, purchases);
  const pages: (Promise<void> | void)[] = [];
  const began = performance.now();
  await Promise.all(
    purchases.map(async (purchase, at) => {
      await pause(Math.max(0, began + (at * 1_000) / PAID_PER_SECOND - performance.now()));
      // Before the call and not after it: what the card takes counts as waiting, not the other way.
      paidAt.set(purchase.id, performance.now());
      await shop.pay(purchase);
      pages.push(afterwards(purchase));
    }),
  );
  const creditedAt = await usable;
  await Promise.all(pages);
  const waited = purchases
    .map(({ id }) => (creditedAt.get(id) ?? Number.NaN) - (paidAt.get(id) ?? Number.NaN))
    .sort((a, b) => a - b);
  await allUsable(shop, purchases);
  const [p50, p99, max] = [percentile(waited, 0.5), percentile(waited, 0.99), waited.at(-1) ?? 0];
  console.log(
    `  ${name.padEnd(16)} p50 ${p50.toFixed(0)}  p99 ${p99.toFixed(0)}  max ${max.toFixed(0)}`,
  );
  return { [`${name}_p50_ms`]: p50, [`${name}_p99_ms`]: p99, [`${name}_max_ms`]: max };
}

/** When each was seen credited. Grant, balance and state are one transaction. */
async function watchCredit(
  shop: Shop,
  purchases: readonly Purchase[],
): Promise<ReadonlyMap<string, number>> {
  const waiting = new Set<string>(purchases.map(({ id }) => id));
  const seen = new Map<string, number>();
  const began = performance.now();
  while (waiting.size > 0) {
    const rows = await shop.owner.query<{ id: string }>({
      text: `SELECT id FROM payments.purchases WHERE state = 'credited' AND id = ANY ($1)`,
      values: [[...waiting]],
    });
    const now = performance.now();
    for (const { id } of rows) {
      seen.set(id, now);
      waiting.delete(id);
    }
    if (now - began > GIVE_UP_MS + purchases.length * 100) {
      throw new Error(`${waiting.size} payments were never credited`);
    }
    await pause(20);
  }
  return seen;
}

async function allUsable(shop: Shop, purchases: readonly Purchase[]): Promise<void> {
  for (const { organizationId } of purchases) {
    const { available } = await readBalance(shop.deps.pool, organizationId);
    if (available !== PRICE) throw new Error(`${organizationId} can use ${available}`);
  }
}

/**
 * Seconds from the end of an outage to the last credit. Half an hour is made to have passed by moving
 * every real time in the rows into the past; each purchase's own turn is two minutes away by then.
 */
async function afterOutage(shop: Shop, api: 'down' | 'hang', count: number): Promise<number> {
  const purchases = await shop.begin(count);
  await shop.faults({ api });
  for (const purchase of purchases) await shop.pay(purchase);
  await shop.owner.query({
    text: `UPDATE payments.purchases SET polls = 53, created_at = created_at - interval '30 minutes',
        session_expires_at = session_expires_at - interval '30 minutes',
        next_poll_at = bursar.real_now() + interval '2 minutes'
      WHERE id = ANY ($1)`,
    values: [purchases.map(({ id }) => id)],
  });
  // The worker meets the outage: a call is under way when it ends.
  await pause(4_000);
  const usable = watchCredit(shop, purchases);
  const ended = performance.now();
  await shop.faults({ api: 'normal' });
  const last = Math.max(...(await usable).values());
  await allUsable(shop, purchases);
  const seconds = (last - ended) / 1_000;
  console.log(`  ${api.padEnd(16)} all credited ${seconds.toFixed(2)} s after it ended`);
  return seconds;
}
