import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stripeAt } from './sim-for-tests.ts';

let dataDir: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stripe-sim-'));
});

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** The simulator as its own process, as `npm run stripe-sim` runs it. */
async function start(): Promise<{ url: string; child: ChildProcess }> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, STRIPE_SIM_PORT: '0', STRIPE_SIM_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const url = /https?:\/\/[^\s"]+/.exec(line)?.[0];
    if (url !== undefined) return { url, child };
  }
  throw new Error('ended before it was ready');
}

const gone = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));

it('a killed process forgets nothing it has answered', { timeout: 120_000 }, async () => {
  const first = await start();
  const stripe = stripeAt(first.url);
  const paid = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((key) =>
      stripe.paymentIntents.create(
        { amount: 500, currency: 'usd', payment_method: 'pm_card_visa', confirm: true },
        { idempotencyKey: key },
      ),
    ),
  );
  const refund = await stripe.refunds.create({ payment_intent: paid[0]?.id ?? '' });
  first.child.kill('SIGKILL');
  await gone(first.child);

  const second = await start();
  const again = stripeAt(second.url);
  const kept = await again.paymentIntents.list({ limit: 100 });
  expect(new Set(kept.data.map((intent) => intent.id))).toEqual(
    new Set(paid.map((intent) => intent.id)),
  );
  const replay = await again.paymentIntents.create(
    { amount: 500, currency: 'usd', payment_method: 'pm_card_visa', confirm: true },
    { idempotencyKey: 'a' },
  );
  expect(replay.id).toBe(paid[0]?.id);
  expect((await again.refunds.retrieve(refund.id)).status).toBe('succeeded');
  expect((await again.charges.list()).data).toHaveLength(5);
  expect((await again.balanceTransactions.list()).data).toHaveLength(6);
});
