import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { readReceipt } from '#charging/receipt';
import { parseId } from '#kernel/ids';
import { verifyLedger } from '#ledger/reconcile';
import { setHoldPolicy } from '#orgs/hold-policy';
import { bundledBook } from '#pricing/bundled-book';
import { type Customer, type GatewayProcesses, gatewayProcesses } from '#test/gateway-processes';
import { type Answer, ask, question } from '#test/gateway-world';
import { give, usd } from '#test/ledger-world';

let world: GatewayProcesses;
let url: string;
let payer: Customer;

beforeAll(async () => {
  world = await gatewayProcesses();
  ({ url } = await world.start());
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.customer();
});

const call = (outputTokens: number) =>
  ask(
    { url, key: payer.key },
    {
      headers: {
        'x-sim-scenario': `ok;input_tokens=100;output_tokens=${outputTokens};chunks=40;chunk_ms=1`,
      },
      body: { ...question, max_tokens: 64_000, stream: true },
    },
  );
const balance = () => world.balance(payer);
const receiptOf = async ({ headers }: Answer) => {
  const id = parseId('request', String(headers['request-id']));
  if (id === undefined) throw new Error('no request id');
  const read = await readReceipt(world.db.pool, bundledBook(), id);
  if (read.outcome !== 'found') throw new Error(read.outcome);
  return read.receipt;
};
const isWhole = ({ body }: Answer) => body.includes('event: message_stop');
const endedForCredit = ({ body }: Answer) =>
  body.includes('event: error') && body.includes('Your credit balance is too low');

test('H5: a customer with a dollar and max_tokens of 64,000 is served to the end', async () => {
  await give(world.db.pool, payer, usd('1'));
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
  await give(world.db.pool, payer, usd('0.6'));
  const answer = await call(20_000);
  expect([isWhole(answer), endedForCredit(answer), answer.broken]).toEqual([false, true, false]);
  const receipt = await receiptOf(answer);
  expect(receipt).toMatchObject({ outcome: 'S11', estimated: true });
  expect(usd(receipt.charged_usd)).toBeGreaterThan(0n);
  expect(usd(receipt.charged_usd)).toBeLessThanOrEqual(usd(receipt.hold_usd));
  expect(usd(receipt.hold_usd)).toBeLessThanOrEqual(usd('0.6'));
  const { available, held } = await balance();
  expect([available, held]).toEqual([usd('0.6') - usd(receipt.charged_usd), 0n]);
  expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
});

test('streams of one organization at once never hold or spend more than there is', async () => {
  await setHoldPolicy(world.db.pool, payer.organizationId, 'sliced');
  await give(world.db.pool, payer, usd('3'));
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
  expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
});

test('a limit that is reached in the middle ends the stream in the words of the limit', async () => {
  await give(world.db.pool, payer, usd('5'));
  await setSpendLimit(world.db.pool, {
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
