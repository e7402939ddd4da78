import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readReceipt } from '#charging/receipt';
import { parseId } from '#kernel/ids';
import { verifyLedger } from '#ledger/reconcile';
import { bundledBook } from '#pricing/bundled-book';
import { type AnswersByHand, answersByHand } from '#test/answers-by-hand';
import {
  type Customer,
  type GatewayProcesses,
  gatewayProcesses,
  type Process,
} from '#test/gateway-processes';
import { type Answer, type Asking, ask, question, streamEvents } from '#test/gateway-world';
import { give, usd } from '#test/ledger-world';
import { message, ok } from '#test/wire-answers';

const COST = usd('0.0005');
const keyed = {
  headers: { 'idempotency-key': 'order 66' },
  body: { ...question, stream: true },
};

let world: GatewayProcesses;
let hand: AnswersByHand;
let nodes: readonly Process[];
let payer: Customer;

beforeAll(async () => {
  hand = await answersByHand();
  world = await gatewayProcesses(hand.upstream.url);
  nodes = await Promise.all([world.start(), world.start()]);
});
afterAll(async () => {
  await world.close();
  await hand.close();
});
beforeEach(async () => {
  hand.forget();
  payer = await world.customer('5');
});

const asks = (node: number, asking: Asking = keyed): Promise<Answer> =>
  ask({ url: nodes[node]?.url ?? '', key: payer.key }, asking);
const available = async () => (await world.balance(payer)).available;
function finish(call: number): void {
  hand.stream(call, streamEvents());
  hand.answer(call).end();
}
const error = ({ status, headers, body }: Answer) => {
  const { type, details } = JSON.parse(body.toString()).error;
  return { status, type, retry: headers['x-should-retry'], details };
};
const receiptOf = async ({ headers }: Answer) => {
  const id = parseId('request', String(headers['request-id'])) ?? expect.fail('no request id');
  const read = await readReceipt(world.db.pool, bundledBook(), id);
  return read.outcome === 'found' ? read.receipt : read;
};
const conflict = (error_code: string, details: object = {}) => ({
  ...{ status: 409, type: 'conflict_error', retry: 'false' },
  details: { error_code, ...details },
});

test('F49e: on two nodes one request is executed; the other node says whose it is', async () => {
  const first = asks(0);
  await hand.calls(1);
  expect(error(await asks(1))).toEqual(conflict('idempotency_in_flight'));
  finish(0);
  const { status, headers } = await first;
  expect(status).toBe(200);
  const finished = conflict('idempotency_finished', { request_id: headers['request-id'] });
  for (const node of [0, 1]) expect(error(await asks(node))).toEqual(finished);
  expect(hand.upstream.seen).toHaveLength(1);
  expect(await available()).toBe(usd('5') - COST);
  expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
});

test('F49e: asked at once on two nodes, one call of the model is made', async () => {
  const all = Promise.all([asks(0), asks(1), asks(0), asks(1)]);
  await hand.calls(1);
  // Until the other node has answered: what it has to say does not depend on the model.
  finish(0);
  const got = await all;
  expect(got.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  expect(got.filter(({ status }) => status === 409).length).toBeGreaterThan(0);
  expect(hand.upstream.seen).toHaveLength(1);
  expect(await available()).toBe(usd('5') - COST);
});

test('F49f: another body is refused on both nodes, while the first runs and later', async () => {
  const other = { ...keyed, body: { ...keyed.body, max_tokens: 99 } };
  const mismatch = conflict('idempotency_mismatch');
  const first = asks(0);
  await hand.calls(1);
  for (const node of [0, 1]) expect(error(await asks(node, other))).toEqual(mismatch);
  finish(0);
  await first;
  for (const node of [0, 1]) expect(error(await asks(node, other))).toEqual(mismatch);
  expect(hand.upstream.seen).toHaveLength(1);
  expect(await available()).toBe(usd('5') - COST);
});

describe('a request that came to nothing leaves its key free for another node', () => {
  test('refused for credit', async () => {
    payer = await world.customer();
    expect(error(await asks(0))).toMatchObject({
      status: 400,
      details: { error_code: 'credit_balance_too_low' },
    });
    await give(world.db.pool, payer, usd('1'));
    await executed(0);
  });

  test('refused by the model', async () => {
    const first = asks(0);
    await hand.calls(1);
    hand.answer(0).writeHead(529, { 'content-type': 'application/json' }).end('{"type":"error"}');
    expect((await first).status).toBe(529);
    await executed(1);
  });

  test('S8: broken off by the model', async () => {
    const first = asks(0);
    await hand.calls(1);
    hand.stream(0, streamEvents().slice(0, 4));
    hand.answer(0).end();
    expect((await first).body.includes('event: message_stop')).toBe(false);
    await executed(1);
  });

  async function executed(call: number): Promise<void> {
    const again = asks(1);
    await hand.calls(call + 1);
    finish(call);
    expect((await again).status).toBe(200);
  }
});

describe('F49e: the store was away for longer than a lease', () => {
  const lapse = () =>
    world.db.ownerPool.query({
      text: `UPDATE ledger.holds SET lease_expires_at = bursar.real_now() - interval '1 s'
              WHERE organization_id = $1 AND state = 'open'`,
      values: [payer.organizationId],
    });

  test('another node takes the request over: both have an answer, and one is charged', async () => {
    const first = asks(0);
    await hand.calls(1);
    await lapse();
    const second = asks(1);
    await hand.calls(2);
    for (const call of [0, 1]) finish(call);
    const got = [await first, await second];
    for (const { status, body } of got) {
      expect([status, body.toString()]).toEqual([200, streamEvents().join('')]);
    }
    const receipts = await Promise.all(got.map(receiptOf));
    expect(receipts).toMatchObject([
      { outcome: 'S19', charged_usd: '0' },
      { outcome: 'S2', charged_usd: '0.0005' },
    ]);
    expect(await world.balance(payer)).toMatchObject({ available: usd('5') - COST, held: 0n });
    const finished = { request_id: got[1]?.headers['request-id'] };
    for (const node of [0, 1]) {
      expect(error(await asks(node))).toEqual(conflict('idempotency_finished', finished));
    }
    expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
  });

  test('the first is finished before, late as it is: the other node is told so', async () => {
    const first = asks(0);
    await hand.calls(1);
    await lapse();
    finish(0);
    const { headers } = await first;
    const finished = { request_id: headers['request-id'] };
    expect(error(await asks(1))).toEqual(conflict('idempotency_finished', finished));
    expect(hand.upstream.seen).toHaveLength(1);
    expect(await available()).toBe(usd('5') - COST);
  });

  test('S19: an answer as JSON says that it cost nothing', async () => {
    const asking = { ...keyed, body: question };
    const json = JSON.stringify(message(ok));
    const send = (call: number) =>
      hand.answer(call).writeHead(200, { 'content-type': 'application/json' }).end(json);
    const first = asks(0, asking);
    await hand.calls(1);
    await lapse();
    const second = asks(1, asking);
    await hand.calls(2);
    send(1);
    expect((await second).headers['bursar-cost-usd']).toBe('0.0005');
    send(0);
    expect((await first).headers['bursar-cost-usd']).toBe('0');
    expect(await available()).toBe(usd('5') - COST);
  });
});
