import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Journal, openJournal } from '#charging/journal';
import { localDisk } from '#charging/journal-disk';
import { startOf } from '#db/embedded/alive';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, makePayer, newRequest, type Payer, usd } from '#test/ledger-world';
import { openWire, type Wire } from '#test/wire';

const CHILD = fileURLToPath(new URL('../../test/support/journal-child.ts', import.meta.url));

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let wire: Wire;
let folder: string;
let payer: Payer;
const closing: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  wire = await openWire(db.url);
  folder = mkdtempSync(join(tmpdir(), 'bursar-journal-'));
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('50'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await wire.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Child {
  readonly process: ChildProcess;
  /** What it said of each request, in the order it said it. */
  readonly told: Map<string, string>;
  settle(): void;
  /** Once it has told of so many. */
  toldOf(count: number): Promise<void>;
  kill(): Promise<void>;
}

/** A process that has holds, and will settle them over the wire. */
async function startChild(count: number, leaseMs: number): Promise<Child> {
  const { organizationId, workspaceId, apiKeyId } = payer;
  const given = [wire.url, folder, organizationId, workspaceId, apiKeyId, count, leaseMs];
  const child = spawn(process.execPath, [CHILD, ...given.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  closing.push(kill);
  const told = new Map<string, string>();
  let wanted = { count: Number.POSITIVE_INFINITY, wake: (): void => {} };
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'held') return resolve();
      const [request = '', outcome = ''] = line.split(' ');
      told.set(request, outcome);
      if (told.size >= wanted.count) wanted.wake();
    });
  });
  return {
    process: child,
    told,
    settle: () => void child.stdin.write('settle\n'),
    toldOf: (least) =>
      new Promise((resolve) => {
        wanted = { count: least, wake: resolve };
        if (told.size >= least) resolve();
      }),
    kill,
  };
}

/** The next process: this one, which can reach the store. */
async function nextProcess(): Promise<Journal> {
  const journal = await openJournal({
    disk: await localDisk(folder),
    settle: (command) => node.charging.settle(command),
    clock: systemClock,
    entropy: systemEntropy,
    owner: { pid: process.pid, began: startOf(process.pid) ?? '0' },
    lives: ({ pid, began }) => startOf(pid) === began,
    log: { info() {}, warn() {}, error() {} },
  });
  closing.push(() => journal.close(1_000));
  return journal;
}

const charges = () =>
  db.pool.query<{ reference: string; amount: bigint; happened_at: Date }>({
    text: `SELECT reference, amount_nanos AS amount, happened_at FROM ledger.entries
            WHERE organization_id = $1 AND reason = 'usage.settle' ORDER BY reference`,
    values: [payer.organizationId],
  });

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 3_000; attempt++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}

const journaled = () => readdirSync(folder);

test('F6: killed after it was journaled, before it was booked: booked once by the next process', async () => {
  const child = await startChild(20, 45_000);
  wire.cut();
  child.settle();
  await child.toldOf(20);
  await child.kill();
  const killedAt = Date.now();
  expect([...child.told.values()].every((outcome) => outcome === 'journaled')).toBe(true);
  expect(await charges()).toEqual([]);
  await nextProcess();
  await until(() => journaled().length === 0);
  const booked = await charges();
  expect(booked.map(({ reference }) => reference)).toEqual([...child.told.keys()].toSorted());
  expect(booked.every(({ amount }) => amount === usd('0.25'))).toBe(true);
  for (const { happened_at } of booked) expect(happened_at.getTime()).toBeLessThanOrEqual(killedAt);
  expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({
    available: usd('45'),
    held: 0n,
  });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test.each([1, 7, 19])(
  'F26: killed in the middle (after %i of 40), everything it acknowledged is booked, nothing twice',
  async (after) => {
    const child = await startChild(40, 45_000);
    wire.silence();
    child.settle();
    await child.toldOf(after);
    await child.kill();
    const acknowledged = [...child.told.keys()];
    // Statements that were on their way may still arrive: that is an answer that was lost (F7).
    wire.mend();
    await nextProcess();
    await until(() => journaled().length === 0);
    const booked = await charges();
    const references = booked.map(({ reference }) => reference);
    expect(references).toEqual(expect.arrayContaining(acknowledged));
    expect(new Set(references).size).toBe(references.length);
    const { available } = await readBalance(db.pool, payer.organizationId);
    expect(available).toBeLessThanOrEqual(usd('50') - BigInt(references.length) * usd('0.25'));
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  },
);

test('F7: replayed by several processes at once, each settlement is booked once', async () => {
  const child = await startChild(20, 45_000);
  wire.cut();
  child.settle();
  await child.toldOf(20);
  wire.mend();
  // The living process replays its own; two others take what it has, as if it were dead.
  const believers = [1, 2].map(async (pid) =>
    openJournal({
      disk: await localDisk(folder),
      settle: (command) => node.charging.settle(command),
      clock: systemClock,
      entropy: systemEntropy,
      owner: { pid, began: '0' },
      lives: () => false,
      log: { info() {}, warn() {}, error() {} },
    }),
  );
  for (const journal of await Promise.all(believers)) closing.push(() => journal.close(1_000));
  await until(() => journaled().length === 0);
  await until(async () => (await charges()).length === 20);
  const booked = await charges();
  expect(new Set(booked.map(({ reference }) => reference)).size).toBe(20);
  expect(await readBalance(db.pool, payer.organizationId)).toMatchObject({ available: usd('45') });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('S19: killed before anything was journaled, it charges nothing, and the lease frees the hold', async () => {
  const child = await startChild(4, 300);
  await child.kill();
  await nextProcess();
  await new Promise((resolve) => setTimeout(resolve, 350));
  const held = await node.charging.hold({
    ...payer,
    requestId: newRequest(),
    amount: usd('50'),
  });
  expect(held).toMatchObject({ outcome: 'held' });
  expect(await charges()).toEqual([]);
});

test('H4: journaled for longer than its lease, a settlement is booked late and never below zero', async () => {
  const child = await startChild(4, 300);
  wire.cut();
  child.settle();
  await child.toldOf(4);
  await child.kill();
  await new Promise((resolve) => setTimeout(resolve, 350));
  // Somebody else was promised everything meanwhile.
  await node.charging.hold({ ...payer, requestId: newRequest(), amount: usd('49.5') });
  await nextProcess();
  await until(() => journaled().length === 0);
  const balance = await readBalance(db.pool, payer.organizationId);
  expect(balance).toMatchObject({ available: 0n, held: usd('49.5') });
  expect((await charges()).reduce((sum, { amount }) => sum + amount, 0n)).toBe(usd('0.5'));
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});
