import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestId } from '#kernel/ids';
import { type VerificationMode, verifyLedger } from '#ledger/reconcile';
import { recordVerification, sealLedger, verifyAndSeal } from '#ledger/seals';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

/** A request that was charged, one that was not, one at a loss, one that cost too much, one open. */
let db: TestDatabase;
let payer: Payer;
let ids: Record<'charged' | 'free' | 'lost' | 'over' | 'open', RequestId>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  ids = await requests();
  await sealLedger(db.pool);
});
afterAll(() => db.drop());

async function requests(): Promise<typeof ids> {
  const node = chargingOn(db.url, { leaseMs: 600_000 });
  const held = async (amount: string) => (await hold(node.charging, payer, usd(amount))).id;
  const made = {
    charged: await held('0.5'),
    free: await held('0.5'),
    lost: await held('0.5'),
    over: await held('0.5'),
    open: await held('0.5'),
  };
  await settle(node.charging, payer, made.charged, usd('0.4'));
  await voidHold(node.charging, payer, made.free);
  await voidHold(node.charging, payer, made.lost, usd('0.1'));
  await settle(node.charging, payer, made.over, usd('6'));
  await node.close();
  return made;
}

type Which = keyof typeof ids;

/** What is found while one row is so, as the owner of the server could make it; undone after. */
async function foundWhile(plant: string, which: Which, mode: VerificationMode) {
  const found: { name: string; violations: readonly string[] }[] = [];
  const values = [payer.organizationId, ids[which]];
  for (const [name, key] of [
    ['metering.requests', 'request_id'],
    ['ledger.holds', 'id'],
  ] as const) {
    const where = `organization_id = $1 AND ${key} = $2`;
    if (!plant.includes(name)) continue;
    const undo = `kept_${key}`;
    await db.ownerPool.query({ text: `CREATE TABLE ${undo} AS SELECT * FROM ${name}` });
    await db.ownerPool.query({ text: plant, values });
    const { checks } = await verifyLedger(db.pool, { mode, lanes: 2 });
    found.push(...checks.filter((check) => !check.ok));
    await db.ownerPool.query({ text: `DELETE FROM ${name} WHERE ${where}`, values });
    await db.ownerPool.query({
      text: `INSERT INTO ${name} SELECT * FROM ${undo} WHERE ${where}`,
      values,
    });
    await db.ownerPool.query({ text: `DROP TABLE ${undo}` });
  }
  return found.map(({ name, violations }) => ({ name, violations }));
}

const WHERE = 'organization_id = $1 AND request_id = $2';
const set = (change: string): string => `UPDATE metering.requests SET ${change} WHERE ${WHERE}`;
const LOST_RECEIPT = `DELETE FROM metering.requests WHERE ${WHERE}`;
const MADE_UP = `INSERT INTO metering.requests SELECT organization_id, $2, api_key_id, workspace_id,
  model, rule, usage, price_version, 0, 0, 0, upstream_status, client_disconnected, estimated,
  quarantined, started_at, settled_at FROM metering.requests WHERE organization_id = $1 LIMIT 1`;

interface Fault {
  readonly name: string;
  readonly plant: string;
  readonly which: Which;
  readonly named: RegExp;
}

const faults: readonly Fault[] = [
  {
    name: 'a charge without a receipt',
    plant: LOST_RECEIPT,
    which: 'charged',
    named: /request req_\w+ is settled with a charge of 400000000 and has no receipt/,
  },
  {
    name: 'a request that was not charged and has no receipt',
    plant: LOST_RECEIPT,
    which: 'free',
    named: /request req_\w+ is voided with a charge of 0 and has no receipt/,
  },
  {
    name: 'a receipt of a request that is not settled',
    plant: MADE_UP,
    which: 'open',
    named: /request req_\w+ is open, its receipt says 0/,
  },
  {
    name: 'a receipt of a request that has expired',
    plant: `UPDATE ledger.holds SET state = 'expired', charged_nanos = NULL
             WHERE organization_id = $1 AND id = $2`,
    which: 'free',
    named: /request req_\w+ is expired, its receipt says 0/,
  },
  {
    name: 'a receipt of a request that was never held',
    plant: 'DELETE FROM ledger.holds WHERE organization_id = $1 AND id = $2',
    which: 'free',
    named: /request req_\w+ was never held, its receipt says 0/,
  },
  {
    name: 'a receipt that says another charge',
    plant: set('charged_nanos = charged_nanos + 1'),
    which: 'charged',
    named: /request req_\w+ charged 400000000, its receipt says 400000001/,
  },
  {
    name: 'a receipt of a charge that says nothing was charged',
    plant: set('charged_nanos = 0'),
    which: 'charged',
    named: /request req_\w+ charged 400000000, its receipt says 0/,
  },
];

/** What a receipt says of entries that are sealed, which only the full verification reads. */
const full: readonly Fault[] = [
  {
    name: 'a receipt that says another loss',
    plant: set('loss_nanos = loss_nanos - 1'),
    which: 'lost',
    named: /booked with an overrun of 0 and a loss of 100000000, its receipt says 0 and 99999999/,
  },
  {
    name: 'a receipt that calls an overrun a loss',
    plant: set('loss_nanos = overrun_nanos, overrun_nanos = 0'),
    which: 'over',
    named: /booked with an overrun of (\d+) and a loss of 0, its receipt says 0 and \1/,
  },
  {
    name: 'a receipt of a loss that was never booked',
    plant: set('loss_nanos = 7'),
    which: 'charged',
    named: /was booked without overrun or loss, its receipt says 0 and 7/,
  },
];

const exactly = ({ named }: Fault) => [
  { name: 'receipts_are_charges', violations: [expect.stringMatching(named)] },
];

test.each(['incremental', 'full'] as const)('receipts in order are (%s)', async (mode) => {
  expect(await verifyLedger(db.pool, { mode })).toMatchObject({ ok: true });
});

describe.each(faults)('$name', (fault) => {
  test.each(['incremental', 'full'] as const)('is found and named (%s)', async (mode) => {
    expect(await foundWhile(fault.plant, fault.which, mode)).toEqual(exactly(fault));
  });
});

describe.each(full)('$name', (fault) => {
  test('is found and named by the full verification', async () => {
    expect(await foundWhile(fault.plant, fault.which, 'full')).toEqual(exactly(fault));
  });
});

test('a night looks at receipts since the last night that found all in order', async () => {
  const night = await verifyAndSeal(db.pool);
  await recordVerification(db.pool, night);
  expect(await foundWhile(LOST_RECEIPT, 'free', 'incremental')).toHaveLength(1);
  await db.pool.query({ text: `SELECT bursar.advance_clock('1 hour')` });
  await recordVerification(db.pool, await verifyAndSeal(db.pool));
  expect(await foundWhile(LOST_RECEIPT, 'free', 'incremental')).toEqual([]);
  expect(await foundWhile(LOST_RECEIPT, 'free', 'full')).toHaveLength(1);
  await give(db.pool, payer, usd('20'));
  const { free, charged } = await requests();
  ids = { ...ids, free, charged };
  expect(await foundWhile(LOST_RECEIPT, 'free', 'incremental')).toHaveLength(1);
  await db.pool.query({ text: `SELECT bursar.advance_clock('1 day')` });
  // Not verified in order since: still new.
  await recordVerification(db.pool, {
    ...(await verifyLedger(db.pool, { mode: 'incremental' })),
    checks: [{ name: 'x', ok: false, violations: [] }],
    ok: false,
  });
  expect(await foundWhile(LOST_RECEIPT, 'free', 'incremental')).toHaveLength(1);
  expect(await foundWhile(set('overrun_nanos = 1'), 'charged', 'incremental')).toEqual([
    {
      name: 'receipts_are_charges',
      violations: [
        expect.stringMatching(/an overrun of 0 and a loss of 0, its receipt says 1 and/),
      ],
    },
  ]);
});

test('what is not sealed needs its receipt, however often it was found in order', async () => {
  await give(db.pool, payer, usd('20'));
  ids = await requests();
  await db.pool.query({ text: `SELECT bursar.advance_clock('1 hour')` });
  await recordVerification(db.pool, await verifyLedger(db.pool, { mode: 'incremental' }));
  expect(await foundWhile(LOST_RECEIPT, 'charged', 'incremental')).toEqual([
    {
      name: 'receipts_are_charges',
      violations: [expect.stringMatching(/booked with a charge of 400000000 and has no receipt/)],
    },
  ]);
});
