import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { readReceipt } from '#charging/receipt';
import { parseId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { createApiKey } from '#orgs/api-keys';
import { setHoldPolicy } from '#orgs/hold-policy';
import { bundledBook } from '#pricing/bundled-book';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { type Answer, ask, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';
import { createGateway, type Gateway } from './gateway.ts';

const pepper = Buffer.from('pepper of the tests');
let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let gateway: Gateway;
let url: string;
let payer: Payer;
let key: string;

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  gateway = await createGateway({
    pool: db.pool,
    charging: node.charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: sim.url, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  url = await gateway.listen('127.0.0.1', 0);
});
afterAll(async () => {
  await gateway.close();
  await sim.close();
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const made = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
  key = made.key;
});

const call = (outputTokens: number) =>
  ask(
    { url, key },
    {
      headers: {
        'x-sim-scenario': `ok;input_tokens=100;output_tokens=${outputTokens};chunks=40;chunk_ms=1`,
      },
      body: { ...question, max_tokens: 64_000, stream: true },
    },
  );
const balance = () => readBalance(db.pool, payer.organizationId);
const receiptOf = async ({ headers }: Answer) => {
  const id = parseId('request', String(headers['request-id']));
  if (id === undefined) throw new Error('no request id');
  const read = await readReceipt(db.pool, bundledBook(), id);
  if (read.outcome !== 'found') throw new Error(read.outcome);
  return read.receipt;
};
const isWhole = ({ body }: Answer) => body.includes('event: message_stop');
const endedForCredit = ({ body }: Answer) =>
  body.includes('event: error') && body.includes('Your credit balance is too low');

test('H5: a customer with a dollar and max_tokens of 64,000 is served to the end', async () => {
  await give(db.pool, payer, usd('1'));
  const answer = await call(3_000);
  expect([answer.status, isWhole(answer)]).toEqual([200, true]);
  expect(await balance()).toMatchObject({ available: usd('0.9245'), held: 0n });
  const receipt = await receiptOf(answer);
  expect(receipt).toMatchObject({ outcome: 'S2', charged_usd: '0.0755', estimated: false });
  // What it held in the end: more than the first slice, and never what was not there.
  expect(usd(receipt.hold_usd)).toBeGreaterThan(usd('0.45'));
  expect(usd(receipt.hold_usd)).toBeLessThanOrEqual(usd('1'));
});

test('S11: credit that runs out ends the stream, is charged no more than was held, and stays above zero', async () => {
  await give(db.pool, payer, usd('0.6'));
  const answer = await call(20_000);
  expect([isWhole(answer), endedForCredit(answer), answer.broken]).toEqual([false, true, false]);
  const receipt = await receiptOf(answer);
  expect(receipt).toMatchObject({ outcome: 'S11', estimated: true });
  expect(usd(receipt.charged_usd)).toBeGreaterThan(0n);
  expect(usd(receipt.charged_usd)).toBeLessThanOrEqual(usd(receipt.hold_usd));
  expect(usd(receipt.hold_usd)).toBeLessThanOrEqual(usd('0.6'));
  const { available, held } = await balance();
  expect([available, held]).toEqual([usd('0.6') - usd(receipt.charged_usd), 0n]);
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('streams of one organization at once never hold or spend more than there is', async () => {
  await setHoldPolicy(db.pool, payer.organizationId, 'sliced');
  await give(db.pool, payer, usd('3'));
  let [least, watching] = [usd('3'), true];
  const watch = (async () => {
    while (watching) {
      const { available } = await balance();
      if (available < least) least = available;
    }
  })();
  const answers = await Promise.all(Array.from({ length: 12 }, () => call(9_000)));
  watching = false;
  await watch;
  expect(least).toBeGreaterThanOrEqual(0n);
  const served = answers.filter(({ status }) => status === 200);
  expect(served.length).toBeGreaterThan(2);
  let charged = 0n;
  for (const answer of served) {
    expect([isWhole(answer), endedForCredit(answer)]).toContain(true);
    const receipt = await receiptOf(answer);
    expect(receipt.outcome).toBe(isWhole(answer) ? 'S2' : 'S11');
    charged += usd(receipt.charged_usd);
  }
  expect(await balance()).toMatchObject({ available: usd('3') - charged, held: 0n });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('a limit that is reached in the middle ends the stream in the words of the limit', async () => {
  await give(db.pool, payer, usd('5'));
  await setSpendLimit(db.pool, {
    organizationId: payer.organizationId,
    level: 'workspace',
    subjectId: payer.workspaceId,
    amount: usd('0.5'),
    action: 'notify_and_pause',
    setBy: 'test',
  });
  const answer = await call(20_000);
  expect(answer.status).toBe(200);
  expect(answer.body.includes('You have reached your specified workspace API usage limits.')).toBe(
    true,
  );
  const receipt = await receiptOf(answer);
  expect(receipt.outcome).toBe('S11');
  expect(usd(receipt.hold_usd)).toBeLessThanOrEqual(usd('0.5'));
});
