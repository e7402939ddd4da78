import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Journal, openJournal } from '#charging/journal';
import { localDisk } from '#charging/journal-disk';
import { createGateway, type Gateway } from '#gateway/gateway';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { createApiKey } from '#orgs/api-keys';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { type Answer, ask, question } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';
import { openWire, type Wire } from '#test/wire';

const pepper = Buffer.from('pepper of the tests');
let db: TestDatabase;
let sim: Awaited<ReturnType<typeof startModelSim>>;
let wire: Wire;
let node: ReturnType<typeof chargingOn>;
let journal: Journal;
let gateway: Gateway;
let url: string;
let folder: string;
let payer: Payer;
let key: string;

beforeAll(async () => {
  db = await testDatabase();
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await sim.close();
  await db.drop();
});
beforeEach(async () => {
  wire = await openWire(db.url);
  folder = mkdtempSync(join(tmpdir(), 'bursar-journal-'));
  // As in the product; money goes over the wire, and keys are looked up beside it.
  node = chargingOn(wire.url, { lane: { statementTimeoutMs: 3_000, lockTimeoutMs: 500 } });
  journal = await openJournal({
    disk: await localDisk(folder),
    settle: (command) => node.charging.settle(command),
    clock: systemClock,
    entropy: systemEntropy,
    owner: { pid: process.pid, began: '0' },
    lives: () => true,
    log: { info() {}, warn() {}, error() {} },
  });
  gateway = await createGateway({
    ...{ pool: db.pool, charging: node.charging, journal, clock: systemClock, pepper },
    entropy: systemEntropy,
    prices: await recordedPrices(db.pool),
    upstream: { url: sim.url, key: 'operator-key' },
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
  });
  url = await gateway.listen('127.0.0.1', 0);
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const { organizationId, workspaceId } = payer;
  const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
  const made = await db.pool.transaction((tx) =>
    createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null }),
  );
  ({ key } = made);
});
afterEach(async () => {
  await gateway.close();
  await journal.close(1_000);
  await node.close();
  await wire.close();
  rmSync(folder, { recursive: true, force: true });
});

const COST = usd('0.001');
const call = (stream: boolean, keys = 'first_ms=300') =>
  ask(
    { url, key },
    {
      headers: { 'x-sim-scenario': `ok;input_tokens=100;output_tokens=20;${keys}` },
      body: { ...question, stream },
    },
  );
const balance = () => readBalance(db.pool, payer.organizationId);

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}
const held = async (least: bigint) => (await balance()).held >= least;
/** Seen as soon as it is committed; the process is told a moment later, once it is on the disk. */
async function untilHeld(least: bigint): Promise<void> {
  await until(() => held(least));
  await new Promise((resolve) => setTimeout(resolve, 500));
}
const booked = () => readdirSync(folder).length === 0;

function expectWhole(answer: Answer, stream: boolean): void {
  expect(answer).toMatchObject({ status: 200, broken: false });
  const text = answer.body.toString();
  if (stream) expect(text).toMatch(/event: message_stop\n.*\n\n$/);
  else expect(JSON.parse(text)).toMatchObject({ type: 'message', stop_reason: 'end_turn' });
}

test.each([
  ['cut', true],
  ['cut', false],
  ['silence', true],
  ['silence', false],
] as const)(
  'a %s of the store after the hold: the client has its answer (stream: %s), the ledger its charge, once',
  async (how, stream) => {
    const answer = call(stream, 'first_ms=2000');
    await untilHeld(1n);
    wire[how]();
    expectWhole(await answer, stream);
    expect((await answer).headers['bursar-cost-usd']).toBeUndefined();
    expect((await balance()).held).toBeGreaterThan(0n);
    expect(readdirSync(folder)).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    wire.mend();
    await until(booked);
    expect(await balance()).toMatchObject({ available: usd('5') - COST, held: 0n });
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
    // And the next one is paid for in the ordinary way.
    expect((await call(stream, 'first_ms=1')).status).toBe(200);
    await until(async () => (await balance()).held === 0n);
    expect(await balance()).toMatchObject({ available: usd('5') - 2n * COST });
  },
);

test('F22: the store goes away and comes back under load: every whole answer is charged, once', async () => {
  let answered = 0;
  const calls = Array.from({ length: 60 }, async (_, index) => {
    await new Promise((resolve) => setTimeout(resolve, (index % 20) * 40));
    const answer = await call(index % 2 === 0, 'first_ms=100;chunk_ms=5');
    if (answer.status === 200) {
      expectWhole(answer, index % 2 === 0);
      answered += 1;
    } else {
      expect(answer.status).toBe(503);
    }
  });
  for (const after of [250, 300]) {
    await new Promise((resolve) => setTimeout(resolve, after));
    wire.cut();
    await new Promise((resolve) => setTimeout(resolve, 100));
    wire.mend();
  }
  await Promise.all(calls);
  await until(booked);
  expect(answered).toBeGreaterThan(0);
  // A hold whose answer was lost was refused to its client and is free by its lease (F2, F3).
  const { available, held: promised } = await balance();
  expect(available + promised).toBe(usd('5') - BigInt(answered) * COST);
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('F16: the lane of settlements is stuck: answers do not wait for it', async () => {
  const answers = [call(true), call(false)];
  await until(async () => {
    const [row] = await db.pool.query<{ count: bigint }>({
      text: `SELECT count(*) FROM ledger.holds WHERE organization_id = $1 AND state = 'open'`,
      values: [payer.organizationId],
    });
    return row?.count === 2n;
  });
  await db.ownerPool.transaction(async (tx) => {
    await tx.query({
      text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
      values: [payer.organizationId],
    });
    const [streamed, whole] = await Promise.all(answers);
    if (streamed === undefined || whole === undefined) throw new Error('two');
    expectWhole(streamed, true);
    expectWhole(whole, false);
  });
  await until(booked);
  await until(async () => (await balance()).held === 0n);
  expect(await balance()).toMatchObject({ available: usd('5') - 2n * COST });
});
