import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { acceptPrepared, type CreateDeps, prepareBatch } from '#batches/create';
import {
  type CreationClaim,
  claimCreation,
  forgetCreations,
  releaseCreation,
} from '#batches/creation-keys';
import { keepBatches } from '#batches/keep';
import type { Batch } from '#batches/records';
import { openPrices, pricesAt } from '#catalog/live';
import { wouldHold } from '#charging/would-hold';
import { newId } from '#kernel/ids';
import { verifyLedger } from '#ledger/reconcile';
import { systemEntropy } from '#src/system';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  withKey,
} from '#test/batch-world';
import { ask } from '#test/gateway-world';
import { chargingOn, usd } from '#test/ledger-world';

const sized = 'ok;input_tokens=100;output_tokens=20';

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
  await world.db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.db.ownerPool.query({ text: 'DELETE FROM batches.creation_keys' });
  customer = await world.customer();
});

interface Creation {
  readonly key?: string;
  readonly items?: ReturnType<typeof itemsOf>;
  readonly at?: BatchNode;
  readonly by?: BatchCustomer;
  readonly headers?: Readonly<Record<string, string>>;
}

async function create(creation: Creation = {}) {
  const { key = 'once', items = itemsOf(sized, sized), at = node, by = customer } = creation;
  const answer = await ask(
    { url: at.url, key: by.key },
    {
      path: '/v1/messages/batches',
      headers: { 'idempotency-key': key, ...creation.headers },
      body: { requests: items },
    },
  );
  const body = JSON.parse(answer.body.toString());
  return { status: answer.status, body, code: body.error?.details?.error_code };
}

const batches = async (): Promise<string[]> => {
  const rows = await world.db.pool.query<{ state: string }>({
    text: 'SELECT state FROM batches.batches WHERE organization_id = $1 ORDER BY id',
    values: [customer.organizationId],
  });
  return rows.map(({ state }) => state);
};
const holds = async (): Promise<number> => {
  const text = 'SELECT FROM ledger.holds WHERE organization_id = $1';
  return (await world.db.pool.query({ text, values: [customer.organizationId] })).length;
};
const claimOf = (changes: Partial<CreationClaim> = {}): CreationClaim => ({
  ...{ organizationId: customer.organizationId, apiKeyId: customer.apiKeyId, key: 'once' },
  ...{ asked: Buffer.alloc(32, 1), batchId: newId('batch', systemEntropy) },
  ...changes,
});
const deps = async (charging = node.charging): Promise<CreateDeps> => ({
  ...{ pool: world.db.pool, charging, prices: await openPrices(world.db.pool) },
  wouldHold: (command) => wouldHold(world.db.pool, command),
  ...{ entropy: systemEntropy, carriedToolUses: 0, refusesModel: () => false },
  onFailure: () => {},
});
const asked = (claim: CreationClaim) => {
  const body = Buffer.from(JSON.stringify({ requests: itemsOf(sized, sized) }));
  return { owner: customer, body, upstream: 'default', claim };
};
const lapse = (what: string) =>
  world.db.ownerPool.query({
    text: `UPDATE batches.creation_keys SET ${what} WHERE organization_id = $1`,
    values: [customer.organizationId],
  });
const advance = (interval: string) =>
  world.db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [interval] });

describe('F49: a creation that is repeated under its Idempotency-Key', () => {
  test('is one batch: the same is shown again, and nothing more is held', async () => {
    const first = await create();
    expect(first.status).toBe(200);
    const { held } = await world.balance(customer);
    const other = await world.node();
    for (const at of [node, other]) {
      const again = await create({ at });
      expect(again).toMatchObject({ status: 200, body: { id: first.body.id } });
    }
    expect(await world.balance(customer)).toMatchObject({ held });
    expect([await batches(), await holds()]).toEqual([['in_progress'], 2]);
    await customer.client(node).messages.batches.retrieve(first.body.id);
    expect((await create()).body).toMatchObject({
      id: first.body.id,
      processing_status: 'ended',
    });
  });

  test('asks for it at the same time: one is made, the others hear that it is under way', async () => {
    const other = await world.node();
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, index) => create({ at: index % 2 === 0 ? node : other })),
    );
    const ids = new Set(all.filter(({ status }) => status === 200).map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    for (const { status, code } of all.filter((answer) => answer.status !== 200)) {
      expect([status, code]).toEqual([409, 'idempotency_in_flight']);
    }
    expect([await batches(), await holds()]).toEqual([['in_progress'], 2]);
  });

  test('F49f: is refused if it asks something else, in body or in headers of the API', async () => {
    await create();
    for (const changed of [
      { items: itemsOf(sized) },
      { headers: { 'anthropic-beta': 'output-300k-2026-03-24' } },
    ]) {
      const refused = await create(changed);
      expect([refused.status, refused.code]).toEqual([409, 'idempotency_mismatch']);
    }
    expect(await batches()).toEqual(['in_progress']);
  });

  test('is another one of another API key, and under another key', async () => {
    const { body } = await create();
    const beside = await withKey(world.db, customer);
    const others = [await create({ by: beside }), await create({ key: 'twice' })];
    expect(new Set([body.id, ...others.map((other) => other.body.id)]).size).toBe(3);
  });

  test('finds that its batch was deleted', async () => {
    const { body } = await create();
    const client = customer.client(node);
    await client.messages.batches.retrieve(body.id);
    await client.messages.batches.delete(body.id);
    const again = await create();
    expect([again.status, again.code]).toEqual([409, 'idempotency_finished']);
    expect(await batches()).toEqual(['deleted']);
  });

  test('is a new one a day later, swept or not', async () => {
    const { body } = await create();
    await advance('23 hours 30 minutes');
    expect((await create()).body.id).toBe(body.id);
    expect(await forgetCreations(world.db.pool, 100)).toBe(0);
    await advance('30 minutes');
    const later = await create();
    expect(later.status).toBe(200);
    expect(later.body.id).not.toBe(body.id);
    await advance('24 hours');
    expect(await forgetCreations(world.db.pool, 100)).toBeGreaterThan(0);
  });
});

describe('the key is free again', () => {
  test('when the creation was refused', async () => {
    const wrong = itemsOf(sized).map((item) => ({
      ...item,
      params: { ...item.params, max_tokens: 0 },
    }));
    expect((await create({ items: wrong })).status).toBe(400);
    expect((await create()).status).toBe(200);
  });

  test('when there was too little credit', async () => {
    const poor = await world.customer('0.000001');
    expect((await create({ by: poor })).body.error.message).toContain('credit balance');
    expect(
      await world.db.pool.query({
        text: 'SELECT FROM batches.creation_keys WHERE organization_id = $1',
        values: [poor.organizationId],
      }),
    ).toEqual([]);
  });

  test('when the upstream did not take the batch', async () => {
    const failing = { 'x-sim-scenario': 'overloaded' };
    expect((await create({ headers: failing })).status).toBe(529);
    expect((await create()).status).toBe(200);
    expect(await batches()).toEqual(['refused', 'in_progress']);
  });

  test('only by the creation that has it', async () => {
    const mine = claimOf();
    expect(await claimCreation(world.db.pool, mine)).toEqual({ outcome: 'claimed' });
    await releaseCreation(world.db.pool, claimOf());
    expect((await create()).code).toBe('idempotency_mismatch');
    await releaseCreation(world.db.pool, mine);
    expect((await create()).status).toBe(200);
  });
});

describe('S19: a process that dies while it makes a batch under a key', () => {
  const seen = {
    id: `msgbatch_${randomUUID()}`,
    status: 'in_progress',
    counts: { processing: 2, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    ...{ createdAt: new Date(), expiresAt: new Date(Date.now() + 86_400_000) },
    ...{ endedAt: null, cancelInitiatedAt: null, archivedAt: null },
  } as const;
  const keeper = () => ({
    ...{ pool: world.db.pool, charging: node.charging, upstreamOf: () => undefined },
    pricesOf: (batch: Batch) => pricesAt(world.db.pool, batch.organizationId, batch.priceEpoch),
    alarm: () => {},
  });

  test('before its batch is written down, leaves the key free when its claim has passed', async () => {
    expect(await claimCreation(world.db.pool, claimOf())).toEqual({ outcome: 'claimed' });
    expect((await create()).code).toBe('idempotency_mismatch');
    await lapse(`claimed_until = bursar.real_now() - interval '1 s'`);
    expect((await create()).status).toBe(200);
    expect([await batches(), await holds()]).toEqual([['in_progress'], 2]);
  });

  test('after that, leaves it taken until the batch is given up: never two are held for', async () => {
    const dying = chargingOn(world.db.url);
    const claim = claimOf();
    await claimCreation(world.db.pool, claim);
    const prepared = await prepareBatch(await deps(dying.charging), asked(claim));
    expect(prepared.outcome).toBe('prepared');
    await dying.close();
    await lapse(`claimed_until = bursar.real_now() - interval '1 s'`);
    const retry = claimOf({ batchId: newId('batch', systemEntropy) });
    expect(await claimCreation(world.db.pool, retry)).toEqual({ outcome: 'in_flight' });
    await advance('25 hours');
    expect(await claimCreation(world.db.pool, retry)).toEqual({ outcome: 'in_flight' });
    expect(await forgetCreations(world.db.pool, 100)).toBe(0);
    await world.due(customer);
    await keepBatches(keeper());
    expect(await world.balance(customer)).toMatchObject({ available: usd('5'), held: 0n });
    expect((await create()).status).toBe(200);
    expect(await batches()).toEqual(['abandoned', 'in_progress']);
    expect(await verifyLedger(world.db.pool)).toMatchObject({ ok: true });
  });

  test('after the upstream’s name for it is noted, leaves the batch: it is shown again', async () => {
    const claim = claimOf();
    await claimCreation(world.db.pool, claim);
    const made = await deps();
    const prepared = await prepareBatch(made, asked(claim));
    if (prepared.outcome !== 'prepared') throw new Error(prepared.outcome);
    const cancel = async () => undefined;
    const upstream = { cancel, read: cancel, results: async () => 'gone' as const };
    await acceptPrepared({ ...made, upstream }, prepared.batch, seen);
    expect(await claimCreation(world.db.pool, claimOf())).toEqual({
      outcome: 'made',
      batchId: prepared.batch.id,
    });
  });

  test('or stands still for so long that another has its key, gives everything back', async () => {
    const slow = claimOf();
    await claimCreation(world.db.pool, slow);
    await lapse(`claimed_until = bursar.real_now() - interval '1 s'`);
    expect((await create()).status).toBe(200);
    const { held } = await world.balance(customer);
    expect(await prepareBatch(await deps(), asked(slow))).toEqual({ outcome: 'overtaken' });
    expect(await world.balance(customer)).toMatchObject({ held });
    expect(await batches()).toEqual(['in_progress']);
  });
});

test('what is no key is refused, and of a key only its hash is stored', async () => {
  expect((await create({ key: 'x'.repeat(256) })).status).toBe(400);
  await create({ key: 'order 66' });
  const [row] = await world.db.pool.query<{ text: string }>({
    text: 'SELECT k::text AS text FROM batches.creation_keys AS k WHERE organization_id = $1',
    values: [customer.organizationId],
  });
  expect(row?.text).not.toContain('order');
  expect(row?.text).not.toContain(Buffer.from('order').toString('hex'));
});
