import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
import { purgeBatches, purgePart } from './purge.ts';

const sized = 'ok;input_tokens=100;output_tokens=20';
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

/** A batch that ended, of as many items, made so long ago. */
async function aged(count: number, age: string, behaviour?: string): Promise<string> {
  const client = customer.client(node, behaviour);
  const requests = itemsOf(...Array.from({ length: count }, () => sized));
  const { id } = await client.messages.batches.create({ requests });
  await client.messages.batches.retrieve(id);
  if (behaviour === undefined) expect((await resultsOf(client, id)).size).toBe(count);
  await world.db.pool.query({
    text: `UPDATE batches.batches SET made_at = made_at - $2::interval,
        created_at = created_at - $2::interval WHERE id = $1`,
    values: [id, age],
  });
  return id;
}
const items = async (id: string): Promise<number> => {
  const text = 'SELECT FROM batches.items WHERE batch_id = $1';
  return (await world.db.pool.query({ text, values: [id] })).length;
};
const purgedAt = async (id: string): Promise<string | null | undefined> => {
  const [row] = await world.db.pool.query<{ at: string | null }>({
    text: 'SELECT purged_at::text AS at FROM batches.batches WHERE id = $1',
    values: [id],
  });
  return row?.at;
};
const results = (id: string) =>
  ask(
    { url: node.url, key: customer.key },
    { method: 'GET', path: `/v1/messages/batches/${id}/results` },
  );

describe('29 days after its creation', () => {
  test('the results of a batch are not to be had any more; the batch is', async () => {
    const id = await aged(2, '29 days');
    const answer = await results(id);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString()).error).toEqual({
      type: 'invalid_request_error',
      message: `Batch ${id} has no results any more: they are available for 29 days after creation.`,
    });
    const client = customer.client(node);
    const shown = await client.messages.batches.retrieve(id);
    expect(shown).toMatchObject({ processing_status: 'ended', results_url: null });
    const days = Date.parse(shown.archived_at ?? '') - Date.parse(shown.created_at);
    expect(days).toBe(29 * 86_400_000);
    expect((await client.messages.batches.delete(id)).id).toBe(id);
  });

  test('and not before', async () => {
    const id = await aged(2, '28 days 23 hours 30 minutes');
    await purgeBatches(world.db.pool);
    expect((await results(id)).status).toBe(200);
    expect((await customer.client(node).messages.batches.retrieve(id)).archived_at).toBeNull();
  });
});

describe('what is kept of the items', () => {
  test('is forgotten a day later, so that whoever reads results has read them', async () => {
    const id = await aged(3, '29 days 23 hours');
    await purgeBatches(world.db.pool);
    expect([await items(id), await purgedAt(id)]).toEqual([3, null]);
    await world.db.pool.query({
      text: `UPDATE batches.batches SET made_at = made_at - interval '1 hour',
          created_at = created_at - interval '1 hour' WHERE id = $1`,
      values: [id],
    });
    await purgeBatches(world.db.pool);
    expect(await items(id)).toBe(0);
    expect((await results(id)).status).toBe(400);
  });

  test('is forgotten once, by however many at once, and nothing of the money with it', async () => {
    const ids = [await aged(25, '31 days'), await aged(25, '31 days')];
    const kept = await aged(3, '1 day');
    const money = () =>
      world.db.pool.query({
        text: `SELECT h.id, h.state, h.charged_nanos, r.usage, r.charged_nanos AS receipt
          FROM ledger.holds h JOIN metering.requests r
            ON r.organization_id = h.organization_id AND r.request_id = h.id
          WHERE h.organization_id = $1 ORDER BY h.id`,
        values: [customer.organizationId],
      });
    const before = await money();
    // Killed after its first part.
    await purgePart(world.db.pool, 10);
    await Promise.all(Array.from({ length: 4 }, () => purgeBatches(world.db.pool)));
    await purgeBatches(world.db.pool);
    expect([...(await Promise.all(ids.map(items))), await items(kept)]).toEqual([0, 0, 3]);
    const at = await Promise.all(ids.map(purgedAt));
    expect(at).not.toContain(null);
    await purgeBatches(world.db.pool);
    expect(await Promise.all(ids.map(purgedAt))).toEqual(at);
    expect(await money()).toEqual(before);
    expect(before).toHaveLength(53);
    const available = usd('5') - 53n * ITEM;
    expect(await world.balance(customer)).toMatchObject({ available, held: 0n });
    expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
  });

  test('stays while anything of it is owed, however old it is', async () => {
    const id = await aged(300, '31 days', 'cuts=9');
    expect((await results(id)).status).toBe(400);
    await purgeBatches(world.db.pool);
    expect([await items(id), await purgedAt(id)]).toEqual([300, null]);
  });
});
