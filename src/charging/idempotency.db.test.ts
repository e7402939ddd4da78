import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type ClaimOutcome,
  claimKey,
  forgetKeys,
  type KeyClaim,
  releaseKey,
} from '#charging/idempotency';
import type { RequestId } from '#kernel/ids';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  settle,
  usd,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let payer: Payer;

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  await db.ownerPool.query({ text: 'DELETE FROM charging.idempotency_keys' });
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
});

const claimOf = (changes: Partial<KeyClaim> = {}): KeyClaim => ({
  organizationId: payer.organizationId,
  apiKeyId: payer.apiKeyId,
  key: 'order 66',
  asked: Buffer.alloc(32, 1),
  requestId: newRequest(),
  ...changes,
});
const claim = (changes: Partial<KeyClaim> = {}): Promise<ClaimOutcome> =>
  claimKey(db.pool, claimOf(changes));
const keys = async (): Promise<number> => {
  const text = 'SELECT FROM charging.idempotency_keys WHERE organization_id = $1';
  return (await db.pool.query({ text, values: [payer.organizationId] })).length;
};
const claimed = { outcome: 'claimed' };

/** A request that has the key and its hold. */
async function begun(): Promise<RequestId> {
  const { id, outcome } = await hold(node.charging, payer, usd('1'));
  expect(outcome).toBe('held');
  expect(await claim({ requestId: id })).toEqual(claimed);
  return id;
}

async function lapse(id: RequestId): Promise<void> {
  await db.ownerPool.query({
    text: `UPDATE ledger.holds SET lease_expires_at = bursar.real_now() - interval '1 s' WHERE id = $1`,
    values: [id],
  });
}
const advance = (interval: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [interval] });

describe('F49e: an Idempotency-Key', () => {
  test('is one request’s, however many ask for it at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => claim()));
    const [winner, ...more] = outcomes.filter(({ outcome }) => outcome === 'claimed');
    expect([winner, more]).toEqual([claimed, []]);
    expect(outcomes.filter(({ outcome }) => outcome === 'in_flight')).toHaveLength(19);
  });

  test('is taken while its request runs, and when it was charged', async () => {
    const requestId = await begun();
    expect(await claim()).toEqual({ outcome: 'in_flight', requestId });
    await settle(node.charging, payer, requestId, usd('0.5'));
    expect(await claim()).toEqual({ outcome: 'finished', requestId });
  });

  test('F49f: is not for another request, while the first runs and later', async () => {
    const requestId = await begun();
    const asked = Buffer.alloc(32, 2);
    expect(await claim({ asked })).toEqual({ outcome: 'mismatch', requestId });
    await settle(node.charging, payer, requestId, usd('0.5'));
    expect(await claim({ asked })).toEqual({ outcome: 'mismatch', requestId });
  });

  test('is of one API key: under another it is another', async () => {
    await begun();
    const other = await makePayer(db.pool);
    expect(await claim({ apiKeyId: other.apiKeyId })).toEqual(claimed);
    expect(await claim(other)).toEqual(claimed);
    expect(await claim({ key: 'order 67' })).toEqual(claimed);
  });

  test('is stored as a hash only', async () => {
    await claim();
    const [row] = await db.pool.query<{ text: string }>({
      text: 'SELECT k::text AS text FROM charging.idempotency_keys AS k WHERE organization_id = $1',
      values: [payer.organizationId],
    });
    expect(row?.text).toMatch(/\\x[0-9a-f]{64}/);
    expect(row?.text).not.toContain('order');
    expect(row?.text).not.toContain(Buffer.from('order').toString('hex'));
  });
});

describe('the key is free again', () => {
  test('for one request, however many ask for it at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      await db.ownerPool.query({ text: 'DELETE FROM charging.idempotency_keys' });
      await voidHold(node.charging, payer, await begun());
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => claim()));
      expect(outcomes.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    }
  });

  test('when its request was not charged', async () => {
    await voidHold(node.charging, payer, await begun());
    expect(await claim({ asked: Buffer.alloc(32, 2) })).toEqual(claimed);
    expect(await keys()).toBe(1);
  });

  test('when the process of its request died: its hold has lapsed, booked or not', async () => {
    const id = await begun();
    await lapse(id);
    expect(await claim({ requestId: await begunBy(id) })).toEqual(claimed);
  });

  test('when its request was refused, but only that request gives it back', async () => {
    const mine = claimOf();
    expect(await claimKey(db.pool, mine)).toEqual(claimed);
    await releaseKey(db.pool, claimOf());
    expect(await claim()).toMatchObject({ outcome: 'in_flight' });
    await releaseKey(db.pool, mine);
    expect(await claim()).toEqual(claimed);
  });

  test('a minute after its request had no hold yet: its process has died', async () => {
    await claim();
    await db.ownerPool.query({
      text: `UPDATE charging.idempotency_keys SET claimed_until = bursar.real_now() - interval '1 s'`,
    });
    expect(await claim()).toEqual(claimed);
    expect(await claim()).toMatchObject({ outcome: 'in_flight' });
  });

  test('F49g: a day after it was used, swept or not', async () => {
    const requestId = await begun();
    await settle(node.charging, payer, requestId, usd('0.5'));
    await advance('23 hours 59 minutes');
    expect(await claim()).toMatchObject({ outcome: 'finished' });
    expect(await forgetKeys(db.pool, 100)).toBe(0);
    await advance('1 minute');
    expect(await claim()).toEqual(claimed);
  });

  test('but not while its request runs, however late it is', async () => {
    const requestId = await begun();
    await advance('25 hours');
    expect(await forgetKeys(db.pool, 100)).toBe(0);
    expect(await claim()).toEqual({ outcome: 'in_flight', requestId });
  });

  test('and its row is removed', async () => {
    await settle(node.charging, payer, await begun(), usd('0.5'));
    await claim({ key: 'order 67' });
    await advance('25 hours');
    await claim({ key: 'order 68' });
    await forgetKeys(db.pool, 1);
    expect(await keys()).toBe(2);
    await forgetKeys(db.pool, 100);
    expect(await keys()).toBe(1);
  });

  /** Another request with its hold, so that the lapsed one is swept. */
  async function begunBy(lapsed: RequestId): Promise<RequestId> {
    const { id } = await hold(node.charging, payer, usd('4.5'));
    const [row] = await db.pool.query<{ state: string }>({
      text: 'SELECT state FROM ledger.holds WHERE id = $1',
      values: [lapsed],
    });
    expect(row?.state).toBe('expired');
    return id;
  }
});
