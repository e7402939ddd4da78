import { APIError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { importBook, putInForce } from '#catalog/books';
import { addDiscount, cancelDiscount } from '#catalog/discounts';
import { readReceipt } from '#charging/receipt';
import { newId, parseId } from '#kernel/ids';
import { verifyLedger } from '#ledger/reconcile';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  resultsOf,
  withKey,
} from '#test/batch-world';
import { ask, MODEL } from '#test/gateway-world';
import { usd } from '#test/ledger-world';
import { row, testBook } from '#test/prices';

const sized = 'ok;input_tokens=100;output_tokens=20';
/** What an item of that size costs: half of $0.001. */
const ITEM = usd('0.0005');

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
});
afterAll(() => world.close());
beforeEach(async () => {
  customer = await world.customer();
});

const receiptOf = async (batchId: string, item: number) => {
  const id = parseId('request', `req_${batchId.slice('msgbatch_'.length)}_${item}`);
  if (id === undefined) throw new Error('no id');
  const read = await readReceipt(world.db.pool, bundledBook(), id);
  return read.outcome === 'found' ? read.receipt : undefined;
};

describe('with the official client', () => {
  test('a batch is created, held, looked at, and pays half price for what succeeded', async () => {
    const client = customer.client(node, 'polls=2');
    const requests = itemsOf(sized, 'errored', sized, 'expired');
    const made = await client.messages.batches.create({ requests });
    expect(made).toMatchObject({
      type: 'message_batch',
      processing_status: 'in_progress',
      request_counts: { processing: 4, succeeded: 0 },
      results_url: null,
    });
    expect(made.id).toMatch(/^msgbatch_[0-9A-Z]{26}$/);
    const { held } = await world.balance(customer);
    expect(held).toBeGreaterThan(4n * ITEM);

    expect((await client.messages.batches.retrieve(made.id)).processing_status).toBe('in_progress');
    const ended = await client.messages.batches.retrieve(made.id);
    expect(ended).toMatchObject({
      id: made.id,
      processing_status: 'ended',
      request_counts: { processing: 0, succeeded: 2, errored: 1, expired: 1 },
      results_url: `${node.url}/v1/messages/batches/${made.id}/results`,
    });

    const results = await resultsOf(client, made.id);
    expect([...results].map(([name, { type }]) => [name, type])).toEqual([
      ['a3', 'expired'],
      ['a2', 'succeeded'],
      ['a1', 'errored'],
      ['a0', 'succeeded'],
    ]);
    expect(await world.balance(customer)).toMatchObject({
      available: usd('5') - 2n * ITEM,
      held: 0n,
    });
    expect(await receiptOf(made.id, 0)).toMatchObject({
      outcome: 'S18',
      charged_usd: '0.0005',
      usage: { service_tier: 'batch' },
    });
    expect(await receiptOf(made.id, 1)).toMatchObject({ outcome: 'S18', charged_usd: '0' });
    expect(await client.messages.batches.delete(made.id)).toEqual({
      id: made.id,
      type: 'message_batch_deleted',
    });
    await expect(client.messages.batches.retrieve(made.id)).rejects.toBeInstanceOf(NotFoundError);
    expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
  });
});

test('the beta namespace of the client reaches the same batches', async () => {
  const client = customer.client(node);
  const { id } = await client.beta.messages.batches.create({ requests: itemsOf(sized) });
  expect((await client.messages.batches.retrieve(id)).processing_status).toBe('ended');
  const found: string[] = [];
  for await (const { custom_id } of await client.beta.messages.batches.results(id)) {
    found.push(custom_id);
  }
  expect(found).toEqual(['a0']);
});

test('every route is described', async () => {
  const answer = await ask({ url: node.url, key: '' }, { method: 'GET', path: '/openapi.json' });
  const { paths } = JSON.parse(answer.body.toString());
  const described = Object.entries<object>(paths)
    .filter(([path]) => path.startsWith('/v1/messages/batches'))
    .map(([path, verbs]) => `${path} ${Object.keys(verbs).sort()}`);
  expect(described).toEqual([
    '/v1/messages/batches get,post',
    '/v1/messages/batches/{id} delete,get',
    '/v1/messages/batches/{id}/results get',
    '/v1/messages/batches/{id}/cancel post',
  ]);
});

test('a client that leaves in the middle of its results has paid for all of them', async () => {
  const client = customer.client(node);
  const { id } = await client.messages.batches.create({
    requests: itemsOf(...Array.from({ length: 400 }, () => sized)),
  });
  await client.messages.batches.retrieve(id);
  const path = `/v1/messages/batches/${id}/results`;
  const to = { url: node.url, key: customer.key };
  await ask(to, { method: 'GET', path, leaveWhen: (received) => received.length > 0 });
  const paid = { available: usd('5') - 400n * ITEM, held: 0n };
  await vi.waitFor(async () => expect(await world.balance(customer)).toMatchObject(paid), 20_000);
  // Now that it is booked there is nothing left to book, for whoever stays and whoever does not.
  await ask(to, { method: 'GET', path, leaveWhen: (received) => received.length > 0 });
  expect((await resultsOf(client, id)).size).toBe(400);
});

test('out of credit, a batch is refused as a whole and nothing of it stays held', async () => {
  const poor = await world.customer('0.002');
  const client = poor.client(node);
  const refused = await client.messages.batches
    .create({ requests: itemsOf(...Array.from({ length: 20 }, () => sized)) })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BadRequestError);
  expect(String(refused)).toContain('Your credit balance is too low');
  expect(await world.balance(poor)).toMatchObject({ available: usd('0.002'), held: 0n });
});

test('what cannot be read or priced is refused, naming the item', async () => {
  const client = customer.client(node);
  const create = (...params: object[]) =>
    client
      .post('/v1/messages/batches', {
        body: {
          requests: params.map((changes, index) => ({
            custom_id: `a${index}`,
            params: { ...itemsOf(sized)[0]?.params, ...changes },
          })),
        },
      })
      .then(
        () => 'created',
        (error: unknown) => (error instanceof APIError ? `${error.status} ${error.message}` : ''),
      );
  expect(await create({}, { model: 'claude-nope' })).toMatch(
    /^404 .*requests\.1\.params\.model: claude-nope/,
  );
  expect(await create({ max_tokens: 0 })).toMatch(/^400 .*requests\.0\.params\.max_tokens/);
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
  expect(await create({}, {}, { tools })).toMatch(/^400 .*requests\.2\.params\.web_search/);
  expect(await create()).toMatch(/^400 .*at least one/);
  expect(await world.balance(customer)).toMatchObject({ available: usd('5'), held: 0n });
});

describe('a creation that the upstream does not take', () => {
  test.each([
    ['error_400', 400, /The simulator was asked for a 400/],
    ['overloaded', 529, /Overloaded/],
    ['html;status=200', 502, /could not be read/],
  ])('%s: is told as a %i, and every hold goes back', async (scenario, status, message) => {
    const client = customer.client(node);
    const error = await client.messages.batches
      .create({ requests: itemsOf(sized, sized) }, { headers: { 'x-sim-scenario': scenario } })
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ status });
    expect(String(error)).toMatch(message);
    expect(await world.balance(customer)).toMatchObject({ available: usd('5'), held: 0n });
    expect((await client.messages.batches.list()).data).toEqual([]);
    expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
  });
});

test('an item may name only files of its own workspace', async () => {
  const [item] = itemsOf(sized);
  if (item === undefined) throw new Error('no item');
  const source = { type: 'file' as const, file_id: 'file_of_somebody_else' };
  const content = [{ type: 'document' as const, source }];
  const params = { ...item.params, messages: [{ role: 'user' as const, content }] };
  const body = { requests: [{ ...item, params }] };
  const refused = customer.client(node).post('/v1/messages/batches', { body });
  await expect(refused).rejects.toBeInstanceOf(NotFoundError);
  expect((await world.balance(customer)).held).toBe(0n);
});

test('the limit of the endpoint counts every call about batches', async () => {
  const asked: string[] = [];
  const limited = await world.node({
    rates: {
      entry: () => undefined,
      async endpoint(endpoint) {
        asked.push(endpoint);
        return { outcome: 'refused', code: 'rate_limited' };
      },
      close: async () => {},
    },
  });
  const { batches } = customer.client(limited).messages;
  const refused = expect.objectContaining({ status: 429 });
  await expect(batches.create({ requests: itemsOf(sized) })).rejects.toEqual(refused);
  await expect(batches.list()).rejects.toEqual(refused);
  await expect(batches.retrieve('msgbatch_1')).rejects.toEqual(refused);
  expect(asked).toEqual(['batches', 'batches', 'batches']);
});

test('canceled, a batch pays for what it had done', async () => {
  const client = customer.client(node, 'polls=9;done=1');
  const { id } = await client.messages.batches.create({ requests: itemsOf(sized, sized, sized) });
  expect(await client.messages.batches.cancel(id)).toMatchObject({
    id,
    processing_status: 'canceling',
    results_url: null,
  });
  const ended = await client.messages.batches.retrieve(id);
  expect(ended.request_counts).toMatchObject({ succeeded: 1, canceled: 2 });
  expect(ended.cancel_initiated_at).not.toBeNull();
  const results = await resultsOf(client, id);
  expect([...results.values()].map(({ type }) => type).sort()).toEqual([
    ...['canceled', 'canceled', 'succeeded'],
  ]);
  expect(await world.balance(customer)).toMatchObject({ available: usd('5') - ITEM, held: 0n });
  const refused = await client.messages.batches.cancel(id).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BadRequestError);
  // The upstream's refusal speaks of the batch by the name its customer knows.
  expect(String(refused)).toContain(`Batch ${id} has already ended.`);
});

test('results come after the end, and are deleted only once they are paid for', async () => {
  const client = customer.client(node, 'polls=3');
  const { id } = await client.messages.batches.create({ requests: itemsOf(sized) });
  const early = await ask(
    { url: node.url, key: customer.key },
    { method: 'GET', path: `/v1/messages/batches/${id}/results` },
  );
  expect(early.status).toBe(400);
  expect(early.body.toString()).toContain('has not ended yet');
  await expect(client.messages.batches.delete(id)).rejects.toBeInstanceOf(BadRequestError);
  await client.messages.batches.delete(id);
  expect(await world.balance(customer)).toMatchObject({ available: usd('5') - ITEM, held: 0n });
  await expect(client.messages.batches.delete(id)).rejects.toBeInstanceOf(NotFoundError);
  expect(await receiptOf(id, 0)).toMatchObject({ charged_usd: '0.0005' });
});

test('results are the bytes of the upstream, the second time as the first', async () => {
  const client = customer.client(node);
  const { id } = await client.messages.batches.create({
    requests: itemsOf(...Array.from({ length: 200 }, () => sized)),
  });
  await client.messages.batches.retrieve(id);
  const path = `/v1/messages/batches/${id}/results`;
  const get = () => ask({ url: node.url, key: customer.key }, { method: 'GET', path });
  const [first, second] = [await get(), await get()];
  expect(first.headers['content-type']).toBe('application/x-jsonl');
  const [kept] = await world.db.pool.query<{ upstream_id: string }>({
    text: 'SELECT upstream_id FROM batches.batches WHERE id = $1',
    values: [id],
  });
  const direct = await ask(
    { url: world.sim.url, key: 'made-up' },
    { method: 'GET', path: `/v1/messages/batches/${kept?.upstream_id}/results` },
  );
  expect(first.body.equals(direct.body)).toBe(true);
  expect(second.body.equals(direct.body)).toBe(true);
});

test('no result is handed out that the ledger did not take', async () => {
  const away = {
    ...node.charging,
    settle: async () => ({ outcome: 'ledger_unavailable' }) as const,
  };
  const other = await world.node({ charging: away });
  const client = customer.client(node);
  const { id } = await client.messages.batches.create({ requests: itemsOf(sized, sized) });
  await client.messages.batches.retrieve(id);
  const path = `/v1/messages/batches/${id}/results`;
  const answer = await ask({ url: other.url, key: customer.key }, { method: 'GET', path });
  expect(answer.status).toBe(503);
  expect(answer.body.toString()).toContain('ledger_unavailable');
  await expect(customer.client(other).messages.batches.delete(id)).rejects.toMatchObject({
    status: 503,
  });
  expect((await resultsOf(client, id)).size).toBe(2);
});

describe('a batch belongs to a workspace', () => {
  test('keys of another workspace, or of another organization, find nothing', async () => {
    const client = customer.client(node);
    const { id } = await client.messages.batches.create({ requests: itemsOf(sized) });
    const workspaceId = newId('workspace', systemEntropy);
    await world.db.pool.query({
      text: `INSERT INTO orgs.workspaces (organization_id, id, name) VALUES ($1, $2, 'Other')`,
      values: [customer.organizationId, workspaceId],
    });
    const beside = await withKey(world.db, { ...customer, workspaceId });
    const stranger = await world.customer();
    for (const other of [beside, stranger]) {
      const { batches } = other.client(node).messages;
      expect((await batches.list()).data).toEqual([]);
      await expect(batches.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
      await expect(batches.cancel(id)).rejects.toBeInstanceOf(NotFoundError);
      await expect(batches.delete(id)).rejects.toBeInstanceOf(NotFoundError);
      const path = `/v1/messages/batches/${id}/results`;
      const answer = await ask({ url: node.url, key: other.key }, { method: 'GET', path });
      expect(answer.status).toBe(404);
    }
    expect((await client.messages.batches.retrieve(id)).id).toBe(id);
  });

  test('they are listed newest first, page by page in either direction', async () => {
    const client = customer.client(node, 'polls=99');
    const ids: string[] = [];
    for (let made = 0; made < 5; made++) {
      ids.unshift((await client.messages.batches.create({ requests: itemsOf(sized) })).id);
    }
    const list = (query: object) => client.messages.batches.list(query);
    const first = await list({ limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(first).toMatchObject({ has_more: true, first_id: ids[0], last_id: ids[1] });
    const next = await list({ limit: 2, after_id: ids[1] });
    expect(next.data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
    const back = await list({ limit: 2, before_id: ids[4] });
    expect(back.data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
    expect(back.has_more).toBe(true);
    expect((await list({ limit: 2, before_id: ids[2] })).has_more).toBe(false);
    const all: string[] = [];
    for await (const { id } of client.messages.batches.list({ limit: 2 })) all.push(id);
    expect(all).toEqual(ids);
  });
});

test('a key that is not good is refused as everywhere', async () => {
  const { batches } = customer.client(node).withOptions({ apiKey: 'nonsense' }).messages;
  const refused = expect.objectContaining({ status: 401 });
  await expect(batches.create({ requests: itemsOf(sized) })).rejects.toEqual(refused);
  await expect(batches.list()).rejects.toEqual(refused);
  await expect(batches.retrieve('msgbatch_1')).rejects.toEqual(refused);
  await expect(batches.cancel('msgbatch_1')).rejects.toEqual(refused);
  await expect(batches.delete('msgbatch_1')).rejects.toEqual(refused);
});

test('F88: a batch is charged by the book and the discounts of its creation', async () => {
  const { organizationId } = customer;
  const half = {
    ...{ id: newId('discount', systemEntropy), organizationId, model: null },
    ...{ factor: { numerator: 1n, denominator: 2n }, appliesTo: null, from: null, until: null },
    ...{ reason: 'test', by: 'test' },
  };
  await addDiscount(world.db.pool, half);
  const client = customer.client(node);
  const { id } = await client.messages.batches.create({ requests: itemsOf(sized, sized) });
  await cancelDiscount(world.db.pool, half.id, 'test');
  const dear = testBook('dear', row(MODEL, '5000', '5000'));
  await importBook(world.db.pool, { book: dear, source: 'import', by: 'test' });
  await client.messages.batches.retrieve(id);
  expect((await resultsOf(client, id)).size).toBe(2);
  expect(await world.balance(customer)).toMatchObject({ available: usd('4.9995'), held: 0n });
  expect(await receiptOf(id, 0)).toMatchObject({
    charged_usd: '0.00025',
    list_usd: '0.0005',
    price_version: bundledBook().version,
  });
  await putInForce(world.db.pool, bundledBook().version, 'test');
});
