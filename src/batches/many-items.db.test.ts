import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keepHolds } from '#charging/lapse';
import type { Db, Statement } from '#db/pool';
import { parseId } from '#kernel/ids';
import { verifyLedger } from '#ledger/reconcile';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  resultsOf,
} from '#test/batch-world';
import { ask } from '#test/gateway-world';
import { usd } from '#test/ledger-world';
import { itemRequestId, itemsNamed, markSettled } from './records.ts';

const sized = 'ok;input_tokens=100;output_tokens=20';
const ITEM = usd('0.0005');
const COUNT = 2_000;

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
  // As on the day of a new deployment: nothing is known of how large the tables are.
  for (const table of ['ledger.holds', 'batches.items', 'batches.batches']) {
    await world.db.ownerPool.query({
      text: `ALTER TABLE ${table} SET (autovacuum_enabled = false)`,
    });
  }
});
afterAll(() => world.close());
beforeEach(async () => {
  customer = await world.customer('50');
});

async function created(count: number) {
  const client = customer.client(node, 'polls=2');
  const requests = itemsOf(...Array.from({ length: count }, () => sized));
  const { id } = await client.messages.batches.create({ requests });
  return { client, id };
}

test('a batch of thousands is made, looked at, settled, read and read again', async () => {
  const { client, id } = await created(COUNT);
  const at = async () => (await client.messages.batches.retrieve(id)).request_counts;
  expect(await at()).toMatchObject({ processing: COUNT });
  expect(await at()).toMatchObject({ succeeded: COUNT, processing: 0 });
  await world.due(customer);
  await Promise.all([node.gateway.keepBatches(), resultsOf(client, id)]);
  expect((await resultsOf(client, id)).size).toBe(COUNT);
  const available = usd('50') - BigInt(COUNT) * ITEM;
  expect(await world.balance(customer)).toMatchObject({ available, held: 0n });
  const late = await world.db.pool.query({
    text: `SELECT FROM ledger.holds WHERE organization_id = $1 AND state <> 'settled'`,
    values: [customer.organizationId],
  });
  expect(late).toEqual([]);
  expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
});

test('one item more than 100,000 is refused in the words of the public API', async () => {
  const item = JSON.stringify(itemsOf(sized)[0]);
  const body = Buffer.from(`{"requests":[${`${item},`.repeat(100_000)}${item}]}`);
  const to = { url: node.url, key: customer.key };
  const refused = await ask(to, { path: '/v1/messages/batches', body });
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.body.toString()).error).toEqual({
    type: 'invalid_request_error',
    message: 'requests: List should have at most 100000 items after validation, not 100001',
  });
  expect((await world.balance(customer)).held).toBe(0n);
});

describe('of a batch of thousands, whatever the statistics say, no more is read than is asked for', () => {
  /** Rows of the table that the work reads, by index or without. */
  async function readsOf(table: string, work: (tx: Db) => Promise<unknown>): Promise<number> {
    const counted: Statement = {
      text: `SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows
        FROM pg_stat_xact_all_tables WHERE relid = $1::regclass`,
      values: [table],
    };
    return await world.db.pool.transaction(async (tx) => {
      // What this connection has read before may be counted, too.
      const read = async () => (await tx.query<{ rows: number }>(counted))[0]?.rows ?? Number.NaN;
      const before = await read();
      await work(tx);
      return (await read()) - before;
    });
  }
  const batchOf = async () => {
    const { id } = await created(COUNT);
    const batch = parseId('batch', id);
    if (batch === undefined) throw new Error('no batch');
    return { organizationId: customer.organizationId, id: batch };
  };
  const numbers = Array.from({ length: 100 }, (_, index) => index * 7);

  test('items by name', async () => {
    const batch = await batchOf();
    const names = numbers.map((number) => `a${number}`);
    const rows = await readsOf('batches.items', async (tx) => {
      expect((await itemsNamed(tx, batch, names)).size).toBe(100);
    });
    expect(rows).toBeLessThanOrEqual(200);
  });

  test('items by number', async () => {
    const batch = await batchOf();
    const rows = await readsOf('batches.items', (tx) => markSettled(tx, batch, numbers, [7]));
    expect(rows).toBeLessThanOrEqual(200);
    const named = await itemsNamed(world.db.pool, batch, ['a0', 'a7', 'a8']);
    const states = [...named.values()].map(({ settled, withheld }) => [settled, withheld]);
    expect(states).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
  });

  test('H4: holds that are kept alive', async () => {
    const batch = await batchOf();
    const ids = numbers.map((number) => itemRequestId(batch.id, number));
    const rows = await readsOf('ledger.holds', async (tx) => {
      expect(await keepHolds(tx, batch.organizationId, ids, 90_000_000)).toBe(100);
    });
    expect(rows).toBeLessThanOrEqual(200);
  });
});
