import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { importBook, putInForce } from '#catalog/books';
import { addDiscount, cancelDiscount } from '#catalog/discounts';
import { type LivePrices, openPrices, readPrices } from '#catalog/live';
import { readReceipt } from '#charging/receipt';
import { advanceClock, declareSimulated } from '#db/deployment';
import { newId, parseId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { createApiKey } from '#orgs/api-keys';
import { bundledBook } from '#pricing/bundled-book';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { type Answer, ask, eventually, MODEL, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { forgetPrices, row, testBook } from '#test/prices';
import { createGateway, type Gateway } from './gateway.ts';

const pepper = Buffer.from('pepper of the tests');
let db: TestDatabase;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let one: Node;
let two: Node;
let payer: Payer;
let key: string;

/** A process of its own as far as prices and holds go. */
interface Node {
  readonly url: string;
  readonly gateway: Gateway;
  readonly node: ReturnType<typeof chargingOn>;
  /** The prices of this process; set to read anew, or to plant a fault. */
  prices: LivePrices;
}

async function startNode(): Promise<Node> {
  const node = chargingOn(db.url);
  const started = { prices: await openPrices(db.pool) };
  const gateway = await createGateway({
    pool: db.pool,
    charging: node.charging,
    prices: {
      current: () => started.prices.current(),
      since: (epoch) => started.prices.since(epoch),
      latest: () => started.prices.latest(),
    },
    upstream: { url: sim.url, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  return Object.assign(started, { url: await gateway.listen('127.0.0.1', 0), gateway, node });
}

beforeAll(async () => {
  db = await testDatabase();
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  await declareSimulated(db.pool, true);
  await kept(priced('start', '5', '25'));
  [one, two] = await Promise.all([startNode(), startNode()]);
});
afterAll(async () => {
  for (const { gateway, node } of [one, two]) {
    await gateway.close();
    await node.close();
  }
  await sim.close();
  await db.drop();
});
beforeEach(async () => {
  await forgetPrices(db.ownerPool);
  await kept(priced('list', '5', '25'));
  [one.prices, two.prices] = await Promise.all([openPrices(db.pool), openPrices(db.pool)]);
  payer = await makePayer(db.pool);
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const made = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
  key = made.key;
  await fetch(`${sim.url}/_sim/calls`, { method: 'DELETE' });
});

const priced = (version: string, input: string, output: string, more: object = {}) =>
  testBook(version, row(MODEL, input, output, more), row('claude-haiku-4-5', '1', '5'));
const kept = (book: ReturnType<typeof testBook>) =>
  importBook(db.pool, { book, source: 'import', by: 'operator' });
const funded = (amount: string) => give(db.pool, payer, usd(amount));
const SIZED = 'ok;input_tokens=100;output_tokens=20';
const call = (at: Node, more: object = {}, scenario = SIZED) =>
  ask(
    { url: at.url, key },
    { headers: { 'x-sim-scenario': scenario }, body: { ...question, ...more } },
  );
const costOf = (answer: Answer) => answer.headers['bursar-cost-usd'];
const codeOf = (answer: Answer) => {
  const { error } = JSON.parse(answer.body.toString());
  return [answer.status, error.details?.error_code];
};
async function receiptOf(answer: Answer) {
  const id = parseId('request', String(answer.headers['request-id']));
  if (id === undefined) throw new Error('no request id');
  const read = await readReceipt(db.pool, bundledBook(), id);
  if (read.outcome !== 'found') throw new Error(`no receipt of ${id}`);
  return read.receipt;
}
const balance = () => readBalance(db.pool, payer.organizationId);
async function upstreamCalls(): Promise<number> {
  const answer = await (await fetch(`${sim.url}/_sim/calls`)).json();
  return JSON.parse(JSON.stringify(answer)).data.length;
}
async function allFree(): Promise<void> {
  let held = true;
  const watch = setInterval(async () => {
    held = (await balance()).held !== 0n;
  }, 20);
  await eventually(() => !held).finally(() => clearInterval(watch));
}
const holdAt = async (input: string, output: string) => {
  // What such a request is held at where nothing changes: 100 output tokens and the body's bytes.
  await kept(priced(`reference ${input} ${output}`, input, output));
  one.prices = await openPrices(db.pool);
  return (await receiptOf(await call(one))).hold_usd;
};

test('F88: a price raised between bound and hold is charged, and the hold grows to it', async () => {
  await funded('5');
  const dear = await holdAt('10', '50');
  const cheap = await holdAt('5', '25');
  expect(dear).not.toBe(cheap);
  await kept(priced('raised', '10', '50'));
  const answer = await call(one);
  expect(costOf(answer)).toBe('0.002');
  expect(await receiptOf(answer)).toMatchObject({ price_version: 'raised', hold_usd: dear });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('F88: a price lowered between bound and hold is charged; the hold may stay larger', async () => {
  await funded('5');
  await holdAt('2.50', '12.50');
  const dear = await holdAt('5', '25');
  await kept(priced('lowered', '2.50', '12.50'));
  const answer = await call(one);
  expect(costOf(answer)).toBe('0.0005');
  expect(await receiptOf(answer)).toMatchObject({ price_version: 'lowered', hold_usd: dear });
  expect(await balance()).toMatchObject({ held: 0n });
});

test('F88: a model that lost its price gets its hold back, and nothing is sent', async () => {
  await funded('5');
  await kept(testBook('without', row('claude-haiku-4-5', '1', '5')));
  expect(codeOf(await call(one))).toEqual([404, 'model_not_priced']);
  await allFree();
  expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
  expect(await upstreamCalls()).toBe(0);
});

test('F88: a hold that credit cannot raise to the new price is given back, and refused', async () => {
  await funded('0.01');
  await kept(priced('beyond', '500', '2500'));
  expect(codeOf(await call(one))).toEqual([400, 'credit_balance_too_low']);
  await allFree();
  expect(await balance()).toMatchObject({ available: usd('0.01'), held: 0n });
  expect(await upstreamCalls()).toBe(0);
});

test('F88: a change in mid-request does not reach it; the next request is charged by it', async () => {
  await funded('5');
  const running = call(one, {}, `${SIZED};first_ms=400`);
  let held = false;
  const watch = setInterval(async () => {
    held = (await balance()).held > 0n;
  }, 10);
  await eventually(() => held).finally(() => clearInterval(watch));
  await kept(priced('during', '10', '50'));
  const answer = await running;
  expect(costOf(answer)).toBe('0.001');
  expect(await receiptOf(answer)).toMatchObject({ price_version: 'list', charged_usd: '0.001' });
  expect(costOf(await call(one))).toBe('0.002');
});

test('a dated price begins by business time, in every process, without an import', async () => {
  await funded('5');
  const { now } = await readPrices(db.pool);
  const from = new Date(now.getTime() + 30 * 86_400_000).toISOString();
  const rows = [row(MODEL, '5', '25', { until: from }), row(MODEL, '10', '50', { from })];
  await kept(testBook('scheduled', ...rows));
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.001', '0.001']);
  await advanceClock(db.pool, 29 * 86_400);
  expect(costOf(await call(one))).toBe('0.001');
  await advanceClock(db.pool, 86_400);
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.002', '0.002']);
});

test('a model whose first day has come by business time can be called', async () => {
  await funded('5');
  const { now } = await readPrices(db.pool);
  const from = new Date(now.getTime() + 5 * 86_400_000).toISOString();
  await kept(testBook('soon', row(MODEL, '5', '25', { from })));
  expect(codeOf(await call(one))).toEqual([404, 'model_not_priced']);
  await advanceClock(db.pool, 5 * 86_400);
  expect(costOf(await call(one))).toBe('0.001');
});

test('F88: a scheduled change that was cancelled before its day never applies', async () => {
  await funded('5');
  const { now } = await readPrices(db.pool);
  const from = new Date(now.getTime() + 3 * 86_400_000).toISOString();
  await kept(
    testBook('rise', row(MODEL, '5', '25', { until: from }), row(MODEL, '10', '50', { from })),
  );
  expect(costOf(await call(one))).toBe('0.001');
  await kept(priced('no rise', '5', '25'));
  await advanceClock(db.pool, 4 * 86_400);
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.001', '0.001']);
});

test('two processes agree at once: on a new price, on a new model, and on going back', async () => {
  await funded('5');
  await kept(priced('new', '10', '50'));
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.002', '0.002']);
  const added = [row(MODEL, '10', '50'), row('acme/house', '10', '50')];
  await kept(testBook('with house', ...added));
  // Neither process has placed a hold since: they have to ask before they say that there is none.
  for (const node of [one, two]) {
    expect((await call(node, { model: 'acme/house' })).status).toBe(200);
  }
  await putInForce(db.pool, 'list', 'operator');
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.001', '0.001']);
  expect(codeOf(await call(two, { model: 'acme/house' }))).toEqual([404, 'model_not_priced']);
});

test('nobody is refused for credit by a price that is no longer in force', async () => {
  await funded('0.01');
  const long = { max_tokens: 2_000 };
  expect(codeOf(await call(one, long))).toEqual([400, 'credit_balance_too_low']);
  await kept(priced('cheap', '0.50', '2.50'));
  expect(costOf(await call(one, long))).toBe('0.0001');
});

test('a discount is in the hold, the charge and the receipt, beside the list price', async () => {
  await funded('5');
  const { hold_usd: full } = await receiptOf(await call(one));
  const { id } = await discount(1n, 2n);
  // The first request after it is bounded by list prices still; its charge is not.
  expect(costOf(await call(one))).toBe('0.0005');
  const answer = await call(one);
  const receipt = await receiptOf(answer);
  expect(receipt).toMatchObject({ charged_usd: '0.0005', list_usd: '0.001' });
  expect(usd(receipt.hold_usd) * 2n).toBe(usd(full));
  expect(receipt.lines.map(({ multipliers }) => multipliers)).toContainEqual(['discount 1/2']);
  await cancelDiscount(db.pool, id, 'operator');
  expect([costOf(await call(one)), costOf(await call(two))]).toEqual(['0.001', '0.001']);
});

test('the discount that names the model counts, and they are never multiplied', async () => {
  await funded('5');
  await discount(1n, 10n);
  await discount(4n, 5n, MODEL);
  expect(costOf(await call(one))).toBe('0.0008');
});

test('a discount of one organization is nobody else’s', async () => {
  const other = await makePayer(db.pool);
  await funded('5');
  await discount(1n, 2n, null, other);
  expect(costOf(await call(one))).toBe('0.001');
});

test('a store that is away when prices must be read again: 503, and the hold goes back', async () => {
  await funded('5');
  const real = one.prices;
  const away = () => Promise.reject(new Error('away'));
  one.prices = { current: real.current, since: away, latest: away };
  await kept(priced('unread', '10', '50'));
  expect(codeOf(await call(one))).toEqual([503, 'ledger_unavailable']);
  await allFree();
  expect(await upstreamCalls()).toBe(0);
  // Nor is a model refused as unknown by a book that may be an old one.
  expect((await call(one, { model: 'no-such' })).status).toBe(503);
  one.prices = real;
  expect(costOf(await call(one))).toBe('0.002');
});

test('a store that never answers about prices is an answer within a second or so', async () => {
  await funded('5');
  const real = one.prices;
  const never = () => new Promise<never>(() => {});
  one.prices = { current: real.current, since: never, latest: never };
  await kept(priced('unread', '10', '50'));
  const from = performance.now();
  expect(codeOf(await call(one))).toEqual([503, 'ledger_unavailable']);
  expect(performance.now() - from).toBeLessThan(5_000);
  await allFree();
});

test('a quote goes by the prices of this moment, and the request after it holds what it said', async () => {
  await funded('5');
  await kept(priced('just now', '10', '50'));
  await discount(1n, 2n);
  const to = { url: two.url, key };
  const quoted = await ask(to, { path: '/v1/quote', body: question });
  const told = JSON.parse(quoted.body.toString());
  expect(told).toMatchObject({ price_version: 'just now', available_usd: '5', admitted: true });
  expect(usd(told.expected_list_usd)).toBe(2n * usd(told.expected_usd));
  expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
  const held = await receiptOf(await call(two));
  expect([held.hold_usd, held.price_version]).toEqual([told.hold_usd, 'just now']);
});

const discount = async (
  numerator: bigint,
  denominator: bigint,
  model: string | null = null,
  of: Payer = payer,
) => {
  const added = await addDiscount(db.pool, {
    id: newId('discount', systemEntropy),
    organizationId: of.organizationId,
    ...{ model, factor: { numerator, denominator }, appliesTo: null, from: null, until: null },
    ...{ reason: 'contract', by: 'operator' },
  });
  expect(added.outcome).toBe('added');
  return added.discount;
};
