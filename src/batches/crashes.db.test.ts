import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPrices, pricesAt } from '#catalog/live';
import type { Charging } from '#charging/charging';
import { expireLapsedHolds } from '#charging/lapse';
import { wouldHold } from '#charging/would-hold';
import type { Pool } from '#db/pool';
import { batchUpstream } from '#gateway/batch-upstream';
import { openOrigin, type Upstream } from '#gateway/upstream';
import { verifyLedger } from '#ledger/reconcile';
import { systemEntropy } from '#src/system';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  resultsOf,
} from '#test/batch-world';
import { chargingOn, usd } from '#test/ledger-world';
import { acceptPrepared, type CreateDeps, type PreparedBatch, prepareBatch } from './create.ts';
import { keepBatches } from './keep.ts';
import type { SettleDeps } from './settle.ts';

const sized = 'ok;input_tokens=100;output_tokens=20';
const ITEM = usd('0.0005');
const many = (count: number) => itemsOf(...Array.from({ length: count }, () => sized));

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;
let upstream: Upstream;
const alarm = vi.fn();

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
  alarm.mockClear();
});

const keeper = (charging: Charging = node.charging): SettleDeps => ({
  pool: world.db.pool,
  charging,
  upstreamOf: () => batchUpstream(upstream),
  pricesOf: (batch) => pricesAt(world.db.pool, batch.organizationId, batch.priceEpoch),
  alarm,
});
const creation = async (charging: Charging, pool: Pool = world.db.pool): Promise<CreateDeps> => ({
  pool,
  charging,
  prices: await openPrices(world.db.pool),
  wouldHold: (command) => wouldHold(world.db.pool, command),
  entropy: systemEntropy,
  carriedToolUses: 0,
  refusesModel: () => false,
  onFailure: () => {},
});
const asked = (count: number) => ({
  owner: customer,
  body: Buffer.from(JSON.stringify({ requests: many(count) })),
  upstream: 'default',
});
const balance = () => world.balance(customer);
const whole = async (): Promise<void> => {
  expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
};
const states = async (): Promise<string[]> => {
  const rows = await world.db.pool.query<{ state: string }>({
    text: 'SELECT state FROM batches.batches WHERE organization_id = $1',
    values: [customer.organizationId],
  });
  return rows.map(({ state }) => state);
};

describe('a process that dies while it makes a batch', () => {
  test('S19: after the holds, leaves nothing: they lapse with its leases', async () => {
    const dying = chargingOn(world.db.url, { leaseMs: 400, renewEveryMs: 60_000 });
    // Its database is gone when the batch is to be written down.
    let held = (): void => {};
    const allHeld = new Promise<void>((resolve) => {
      held = resolve;
    });
    const { query } = world.db.pool;
    const transaction = (): Promise<never> => {
      held();
      return new Promise(() => {});
    };
    const cut: Pool = { ...world.db.pool, query, transaction };
    void prepareBatch(await creation(dying.charging, cut), asked(3));
    await allHeld;
    await vi.waitFor(async () => {
      await expireLapsedHolds(world.db.pool, 10);
      expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
    }, 20_000);
    expect(await states()).toEqual([]);
    await dying.close();
    await whole();
  });

  test('S19: before it knows what the upstream said, costs nobody anything', async () => {
    const dying = chargingOn(world.db.url);
    const prepared = await prepareBatch(await creation(dying.charging), asked(3));
    expect(prepared.outcome).toBe('prepared');
    await dying.close();
    expect((await balance()).held).toBeGreaterThan(0n);
    for (let again = 0; again < 2; again++) {
      await world.due(customer);
      await keepBatches(keeper());
      expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
      expect(await states()).toEqual(['abandoned']);
    }
    expect(alarm).toHaveBeenCalledWith(
      expect.anything(),
      expect.stringContaining('its maker is gone'),
      expect.anything(),
    );
    // Nobody was ever told of it.
    expect((await customer.client(node).messages.batches.list()).data).toEqual([]);
    await whole();
  });
});

describe('a batch that the upstream has taken', () => {
  const seen = {
    id: 'msgbatch_upstream',
    status: 'in_progress',
    counts: { processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    ...{ createdAt: new Date(), expiresAt: new Date(Date.now() + 86_400_000) },
    ...{ endedAt: null, cancelInitiatedAt: null, archivedAt: null },
  } as const;
  const made = async (deps: CreateDeps): Promise<PreparedBatch> => {
    const prepared = await prepareBatch(deps, asked(3));
    if (prepared.outcome !== 'prepared') throw new Error(prepared.outcome);
    return prepared.batch;
  };
  const takenBy = () => {
    const cancel = vi.fn(async () => undefined);
    return { cancel, upstream: { ...batchUpstream(upstream), cancel } };
  };
  /** A store that loses the connection around some of its commits, the first being number 1. */
  const losing = (when: 'before' | 'after', lost: (commit: number) => boolean): Pool => {
    let commits = 0;
    const { pool } = world.db;
    return {
      ...{ query: pool.query, close: pool.close },
      async transaction(work) {
        commits += 1;
        if (!lost(commits)) return await pool.transaction(work);
        if (when === 'after') await pool.transaction(work);
        throw new Error('the connection is lost');
      },
    };
  };

  test('but cannot be written down, is canceled there and costs nothing', async () => {
    const deps = await creation(
      node.charging,
      losing('before', (commit) => commit > 1),
    );
    const { cancel, upstream: taken } = takenBy();
    const batch = await made(deps);
    expect(await acceptPrepared({ ...deps, upstream: taken }, batch, seen, 1)).toBeUndefined();
    expect(cancel).toHaveBeenCalledWith(seen.id);
    expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
    await world.due(customer);
    await keepBatches(keeper());
    expect(await states()).toEqual(['abandoned']);
    await whole();
  });

  test('is taken once, though the answer to its commit was lost', async () => {
    const deps = await creation(
      node.charging,
      losing('after', (commit) => commit === 2),
    );
    const { cancel, upstream: taken } = takenBy();
    const batch = await made(deps);
    const accepted = await acceptPrepared({ ...deps, upstream: taken }, batch, seen, 1);
    expect(accepted).toMatchObject({ upstreamId: seen.id, state: 'in_progress' });
    expect(cancel).not.toHaveBeenCalled();
    expect((await balance()).held).toBeGreaterThan(0n);
    await whole();
  });

  test('is not brought back once it was given up', async () => {
    const deps = await creation(node.charging);
    const { cancel, upstream: taken } = takenBy();
    const batch = await made(deps);
    await world.due(customer);
    await keepBatches(keeper());
    expect(await acceptPrepared({ ...deps, upstream: taken }, batch, seen, 1)).toBeUndefined();
    expect(cancel).toHaveBeenCalledWith(seen.id);
    expect(await states()).toEqual(['abandoned']);
    expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
    await whole();
  });
});

describe('a batch that has ended', () => {
  const endedBatch = async (count: number, behaviour?: string) => {
    const client = customer.client(node, behaviour);
    const { id } = await client.messages.batches.create({ requests: many(count) });
    return { client, id };
  };
  const paidFor = async (count: number): Promise<void> => {
    expect(await balance()).toMatchObject({
      available: usd('5') - BigInt(count) * ITEM,
      held: 0n,
    });
    await whole();
  };

  test('is settled without anybody asking, and again to the same money', async () => {
    await endedBatch(3);
    for (let again = 0; again < 2; again++) {
      await world.due(customer);
      await keepBatches(keeper());
      await paidFor(3);
      expect(await states()).toEqual(['settled']);
    }
  });

  test('whose results break off is settled by the next that come whole', async () => {
    await endedBatch(300, 'cuts=1');
    await world.due(customer);
    await keepBatches(keeper());
    expect(await states()).toEqual(['ended']);
    expect((await balance()).held).toBeGreaterThan(0n);
    await world.due(customer);
    await keepBatches(keeper());
    await paidFor(300);
  });

  test('is settled to its end by another, after the ledger went away in the middle', async () => {
    await endedBatch(300);
    let left = 150;
    const flaky: Charging = {
      ...node.charging,
      settle: async (command) =>
        left-- > 0 ? await node.charging.settle(command) : { outcome: 'ledger_unavailable' },
    };
    await world.due(customer);
    await keepBatches(keeper(flaky));
    expect(await states()).toEqual(['ended']);
    expect((await balance()).available).toBeGreaterThan(usd('0'));
    expect((await balance()).held).toBeGreaterThan(0n);
    await world.due(customer);
    await keepBatches(keeper());
    await paidFor(300);
  });

  test('is settled to its end after a death between the ledger and the note of it', async () => {
    const { id } = await endedBatch(5);
    await world.due(customer);
    await keepBatches(keeper());
    await world.db.pool.query({
      text: 'UPDATE batches.items SET settled = false WHERE batch_id = $1',
      values: [id],
    });
    await world.db.pool.query({
      text: `UPDATE batches.batches SET state = 'ended' WHERE id = $1`,
      values: [id],
    });
    await world.due(customer);
    await keepBatches(keeper());
    await paidFor(5);
    expect(alarm).not.toHaveBeenCalled();
  });

  test('is charged once, whoever settles it at the same time', async () => {
    const { client, id } = await endedBatch(300);
    const other = await world.node();
    await client.messages.batches.retrieve(id);
    await world.due(customer);
    const [first, second] = await Promise.all([
      resultsOf(client, id),
      resultsOf(customer.client(other), id),
      keepBatches(keeper()),
      keepBatches(keeper(other.charging)),
    ]);
    expect([first.size, second.size]).toEqual([300, 300]);
    await paidFor(300);
    expect(await states()).toEqual(['settled']);
  });
});

test('H4: holds of a batch live for a day, and are kept alive by whoever looks at it', async () => {
  const { id } = await customer
    .client(node, 'polls=99')
    .messages.batches.create({ requests: many(2) });
  const leases = () =>
    world.db.pool.query<{ hours: number }>({
      text: `SELECT round(extract(epoch FROM lease_expires_at - bursar.real_now()) / 3600)::int
        AS hours FROM ledger.holds WHERE organization_id = $1`,
      values: [customer.organizationId],
    });
  expect(await leases()).toEqual([{ hours: 24 }, { hours: 24 }]);
  await world.db.ownerPool.query({
    text: `UPDATE ledger.holds SET lease_expires_at = bursar.real_now() + interval '11 hours'
      WHERE organization_id = $1`,
    values: [customer.organizationId],
  });
  await world.db.pool.query({
    text: `UPDATE batches.batches SET leased_until = bursar.real_now() + interval '11 hours'
      WHERE id = $1`,
    values: [id],
  });
  await world.due(customer);
  await keepBatches(keeper());
  expect(await leases()).toEqual([{ hours: 24 }, { hours: 24 }]);
});

test('a batch that nothing is heard of long after its end is given up, and charges nothing', async () => {
  const client = customer.client(node, 'polls=99');
  const { id } = await client.messages.batches.create({ requests: many(2) });
  await world.db.pool.query({
    text: `UPDATE batches.batches SET expires_at = bursar.real_now() - interval '49 hours'
      WHERE id = $1`,
    values: [id],
  });
  await world.due(customer);
  await keepBatches(keeper());
  expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
  expect(await client.messages.batches.retrieve(id)).toMatchObject({
    processing_status: 'ended',
    request_counts: { processing: 0, succeeded: 0, expired: 2 },
    results_url: null,
  });
  await whole();
});

test('S12: an item that whole results say nothing of is for a person to look at', async () => {
  const client = customer.client(node);
  const { id } = await client.messages.batches.create({ requests: itemsOf(sized, 'missing') });
  await client.messages.batches.retrieve(id);
  await world.due(customer);
  await keepBatches(keeper());
  expect(await balance()).toMatchObject({ available: usd('5') - ITEM, held: 0n });
  expect(alarm).toHaveBeenCalledTimes(1);
  expect(alarm).toHaveBeenCalledWith(
    expect.anything(),
    expect.stringContaining('quarantined'),
    expect.objectContaining({ requestId: `req_${id.slice('msgbatch_'.length)}_1` }),
  );
  await whole();
});

test('content is nowhere in the tables', async () => {
  const canary = `canary-${randomUUID()}`;
  const [item] = itemsOf(sized);
  if (item === undefined) throw new Error('no item');
  const messages = [{ role: 'user' as const, content: canary }];
  const requests = [{ ...item, params: { ...item.params, messages } }];
  await customer.client(node).messages.batches.create({ requests });
  await world.due(customer);
  await keepBatches(keeper());
  const kept = await world.db.pool.query({
    text: `SELECT b::text FROM batches.batches b WHERE organization_id = $1
      UNION ALL SELECT i::text FROM batches.items i WHERE organization_id = $1
      UNION ALL SELECT r::text FROM metering.requests r WHERE organization_id = $1`,
    values: [customer.organizationId],
  });
  expect(kept).toHaveLength(3);
  expect(JSON.stringify(kept)).not.toContain(canary);
});
