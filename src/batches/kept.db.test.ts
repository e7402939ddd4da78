import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { pricesAt } from '#catalog/live';
import { keepHolds } from '#charging/lapse';
import { renewLeases } from '#charging/sql';
import { batchUpstream } from '#gateway/batch-upstream';
import { openOrigin, type Upstream } from '#gateway/upstream';
import { parseId } from '#kernel/ids';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
} from '#test/batch-world';
import { usd } from '#test/ledger-world';
import { keepBatches } from './keep.ts';
import { itemRequestId } from './records.ts';

const sized = 'ok;input_tokens=100;output_tokens=20';
const ITEM = usd('0.0005');

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;
let upstream: Upstream;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
  const origin = openOrigin(world.sim.url);
  upstream = {
    call: (call, sink) => origin.call(call, 'operator-key', sink),
    close: () => origin.close(),
  };
});
afterAll(async () => {
  await upstream.close();
  await world.close();
});
beforeEach(async () => {
  customer = await world.customer();
});

test('a batch that nobody looked at for days is asked for before it is given up', async () => {
  const made = await customer.client(node).messages.batches.create({
    requests: itemsOf(sized, sized),
  });
  await world.db.pool.query({
    text: `UPDATE batches.batches SET expires_at = bursar.real_now() - interval '49 hours'
      WHERE id = $1`,
    values: [made.id],
  });
  await world.due(customer);
  const alarm = vi.fn();
  await keepBatches({
    pool: world.db.pool,
    charging: node.charging,
    upstreamOf: () => batchUpstream(upstream),
    pricesOf: (batch) => pricesAt(world.db.pool, batch.organizationId, batch.priceEpoch),
    alarm,
  });
  expect(await world.balance(customer)).toMatchObject({
    available: usd('5') - 2n * ITEM,
    held: 0n,
  });
  expect(alarm).not.toHaveBeenCalled();
});

test('H4: a renewal that comes late does not shorten the lease of who took the hold over', async () => {
  const { id } = await customer.client(node, 'polls=99').messages.batches.create({
    requests: itemsOf(sized, sized),
  });
  const batch = parseId('batch', id);
  if (batch === undefined) throw new Error('no batch');
  const ids = [itemRequestId(batch, 0), itemRequestId(batch, 1)];
  await keepHolds(world.db.pool, customer.organizationId, ids, 45_000);
  const of = ids.map(() => customer.organizationId);
  await world.db.pool.query(renewLeases(of, ids, 45_000));
  const [short] = await world.db.pool.query<{ count: bigint }>({
    text: `SELECT count(*) FROM ledger.holds WHERE organization_id = $1
      AND lease_expires_at < bursar.real_now() + interval '23 hours'`,
    values: [customer.organizationId],
  });
  expect(short?.count).toBe(0n);
});
