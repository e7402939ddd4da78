import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openPool, type Pool } from '#db/pool';
import { joinGateway, type Product, startProduct } from '#test/product';
import { openWire, type Wire } from '#test/wire';
import { type Account, ask, openAccount } from './account.ts';
import { balance, MODEL, usd } from './shapes.ts';
import { until } from './until.ts';

const body = JSON.stringify({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Will this be paid for?' }],
});
const headers = { 'x-sim-scenario': 'ok;input_tokens=100;output_tokens=20' };
const slow = { 'x-sim-scenario': `${headers['x-sim-scenario']};first_ms=3000` };
const report = z.object({ checks: z.array(z.object({ name: z.string(), detail: z.string() })) });

let product: Product;
let account: Account;
let wire: Wire;
let store: Pool;

beforeAll(async () => {
  product = await startProduct();
  account = await openAccount(product, 'Journaled');
  await account.give('5');
  wire = await openWire(product.run.database_url);
  store = openPool({ url: product.run.database_url, name: 'e2e', max: 1 });
});

afterAll(async () => {
  await store?.close();
  await wire?.close();
  await product?.stop();
});

/** Seen in the store itself: a command might begin too late, on a busy machine. */
const untilHeld = () =>
  until('a hold', 60_000, async () => {
    const text = 'SELECT FROM ledger.books WHERE organization_id = $1 AND held_nanos > 0';
    return (await store.query({ text, values: [account.org] })).length > 0 ? true : undefined;
  });

/** Asks over a gateway, and cuts its way to the store once the hold is there. */
async function cutAfterHold(gateway: string): Promise<Response> {
  const asked = ask(gateway, { apiKey: account.apiKey, body, headers: slow });
  await untilHeld();
  wire.cut();
  return await asked;
}

const money = async () => await product.cli(balance, 'balance', '--org', account.org);
const journal = () => readdirSync(join(product.dataDir, 'journal'));

async function doctor(): Promise<string | undefined> {
  const { stdout } = await product.tryCli('doctor');
  const { checks } = report.parse(JSON.parse(stdout));
  return checks.find(({ name }) => name === 'settlement journal')?.detail;
}

test('F26: delivered without the store, by a gateway killed since: charged once by the next one', async () => {
  const gateway = await joinGateway(product, wire.url);
  const { apiKey } = account;
  // What it costs when the store is there.
  const plain = await ask(gateway.run.gateway, { apiKey, body, headers });
  const cost = usd(plain.headers.get('bursar-cost-usd') ?? '');
  const before = usd((await money()).available_usd);

  const answer = await cutAfterHold(gateway.run.gateway);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('bursar-cost-usd')).toBeNull();
  expect(await answer.json()).toMatchObject({ type: 'message', stop_reason: 'end_turn' });
  expect(journal()).toHaveLength(1);
  expect(await doctor()).toMatch(/^1 waiting/);

  process.kill(gateway.run.pid, 'SIGKILL');
  await gateway.halt();
  rmSync(gateway.runFile, { force: true });
  wire.mend();
  const next = await joinGateway(product, wire.url);
  await until('the charge', 60_000, () => (journal().length === 0 ? true : undefined));
  expect(await money()).toMatchObject({ held_usd: '0' });
  expect(usd((await money()).available_usd)).toBe(before - cost);
  expect(await doctor()).toMatch(/^0 waiting/);
  expect(await next.halt()).toBe(0);
});

test('F25: a gateway that is stopped while the store is away leaves nothing that is only in its memory', async () => {
  const gateway = await joinGateway(product, wire.url);
  const before = usd((await money()).available_usd);
  const asked = cutAfterHold(gateway.run.gateway);
  await untilHeld();
  const halted = gateway.halt();
  expect((await asked).status).toBe(200);
  expect(await halted).toBe(0);
  expect(journal()).toHaveLength(1);
  wire.mend();
  const next = await joinGateway(product, wire.url);
  await until('the charge', 60_000, () => (journal().length === 0 ? true : undefined));
  expect(await money()).toMatchObject({ held_usd: '0' });
  expect(usd((await money()).available_usd)).toBeLessThan(before);
  expect(await next.halt()).toBe(0);
});
