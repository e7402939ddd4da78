import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClaimOutcome, claimKey } from '#charging/idempotency';
import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import { readReceipt } from '#charging/receipt';
import { withLossesNoted } from '#charging/superseded';
import type { RequestId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { readSpendLimits } from '#orgs/spend-limits';
import { bundledBook } from '#pricing/bundled-book';
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
/** Two processes, each with lanes of its own. */
let nodes: readonly [ReturnType<typeof chargingOn>, ReturnType<typeof chargingOn>];
let payer: Payer;
let key: string;
const losses = new Map<RequestId, NanoUsd>();
const failures: unknown[] = [];

beforeAll(async () => {
  db = await testDatabase();
  nodes = [chargingOn(db.url), chargingOn(db.url)];
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await db.drop();
});
beforeEach(async () => {
  payer = await makePayer(db.pool);
  key = newRequest();
  losses.clear();
  failures.length = 0;
});

/** As a process has it: what is given away is noted. */
const first = () =>
  withLossesNoted(nodes[0].charging, {
    db: db.pool,
    onLoss: (id, loss) => losses.set(id, loss),
    onFailure: (error) => failures.push(error),
  });
const claim = (requestId: RequestId): Promise<ClaimOutcome> => {
  const { organizationId, apiKeyId } = payer;
  return claimKey(db.pool, {
    ...{ organizationId, apiKeyId, key, requestId },
    asked: Buffer.alloc(32, 1),
  });
};

/** A request that has the key and its hold, and whose lease passes while the store is away. */
async function lapsed(amount: NanoUsd): Promise<RequestId> {
  const id = newRequest();
  expect(await claim(id)).toEqual({ outcome: 'claimed' });
  expect((await hold(nodes[0].charging, payer, amount, id)).outcome).toBe('held');
  await db.ownerPool.query({
    text: `UPDATE ledger.holds SET lease_expires_at = bursar.real_now() - interval '1 s'
            WHERE id = $1`,
    values: [id],
  });
  return id;
}
async function executed(id: RequestId, cost: NanoUsd): Promise<void> {
  expect((await hold(nodes[1].charging, payer, usd('1'), id)).outcome).toBe('held');
  expect((await settle(nodes[1].charging, payer, id, cost)).outcome).toBe('settled');
}
const stateOf = async (id: RequestId): Promise<string | undefined> => {
  const text = 'SELECT state FROM ledger.holds WHERE organization_id = $1 AND id = $2';
  const values = [payer.organizationId, id];
  return (await db.pool.query<{ state: string }>({ text, values }))[0]?.state;
};
const receiptOf = async (id: RequestId) => {
  const read = await readReceipt(db.pool, bundledBook(), id);
  return read.outcome === 'found' ? read.receipt : undefined;
};
const balance = () => readBalance(db.pool, payer.organizationId);

type Order = 'settled first' | 'taken over first' | 'at once';

describe('F49e: a request whose lease passed, and another with its Idempotency-Key', () => {
  test.each<Order>(['settled first', 'taken over first', 'at once'])(
    '%s: exactly one of the two is charged',
    async (order) => {
      await give(db.pool, payer, usd('100'));
      const { organizationId } = payer;
      await setSpendLimit(db.pool, {
        ...{ organizationId, level: 'organization', subjectId: organizationId },
        ...{ amount: usd('90'), action: 'notify_and_pause', setBy: 'test' },
      });
      let [spent, lost] = [0n, 0n];
      for (let round = 0; round < 12; round += 1) {
        key = newRequest();
        const [earlier, later] = [await lapsed(usd('1')), newRequest()];
        const cost = usd(`0.${10 + round}`);
        const settling = () => settle(first(), payer, earlier, cost);
        // The sweeper and the renewal of leases come in between wherever they can.
        const others = [expireLapsedHolds(db.pool, 10), nodes[0].charging.renew()];
        const settled = order === 'taken over first' ? undefined : settling();
        if (order === 'settled first') await settled;
        const claimed = await claim(later);
        const told = await (settled ?? settling());
        await Promise.all(others);
        if (claimed.outcome === 'claimed') {
          expect([order, told]).toEqual([
            order === 'settled first' ? 'never' : order,
            expect.objectContaining({ outcome: 'already_resolved', charged: 0n }),
          ]);
          await executed(later, usd('0.5'));
          spent += usd('0.5');
          lost += cost;
          expect(losses.get(earlier)).toBe(cost);
        } else {
          expect([order, claimed]).toEqual([
            order === 'taken over first' ? 'never' : order,
            { outcome: 'finished', requestId: earlier },
          ]);
          expect(told).toMatchObject({ outcome: 'settled', charged: cost, flags: ['late'] });
          spent += cost;
        }
      }
      expect(await balance()).toMatchObject({ available: usd('100') - spent, held: 0n });
      expect(await readSpendLimits(db.pool, organizationId)).toMatchObject([
        { charged: spent, held: 0n },
      ]);
      const [sums] = await db.pool.query<{ lost: string | null }>({
        text: `SELECT sum(amount_nanos)::text AS lost FROM ledger.entries
                WHERE organization_id = $1 AND reason = 'upstream.loss'`,
        values: [organizationId],
      });
      expect(BigInt(sums?.lost ?? '0')).toBe(lost);
      expect(await verifyLedger(db.pool, { mode: 'full' })).toMatchObject({ ok: true });
      expect(failures).toEqual([]);
    },
    60_000,
  );

  test('many at once take it over: one of them has it, and the first is charged nothing', async () => {
    await give(db.pool, payer, usd('5'));
    const earlier = await lapsed(usd('1'));
    const claims = Array.from({ length: 10 }, () => claim(newRequest()));
    const settling = Promise.all(
      Array.from({ length: 4 }, () => settle(first(), payer, earlier, usd('0.2'))),
    );
    const got = (await Promise.all(claims)).map(({ outcome }) => outcome);
    const charged = (await settling).map((told) => ('charged' in told ? told.charged : -1n));
    const paid = (await balance()).available === nanos(usd('5') - usd('0.2'));
    expect(got.filter((outcome) => outcome === 'claimed')).toHaveLength(paid ? 0 : 1);
    expect(new Set(charged)).toEqual(new Set([paid ? usd('0.2') : 0n]));
    expect(losses.size).toBe(paid ? 0 : 1);
  });
});

describe('what becomes of the request whose key was taken over', () => {
  beforeEach(() => give(db.pool, payer, usd('5')));

  async function takenOver(): Promise<RequestId> {
    const earlier = await lapsed(usd('2'));
    expect(await claim(newRequest())).toEqual({ outcome: 'claimed' });
    expect(await stateOf(earlier)).toBe('superseded');
    return earlier;
  }

  test('it holds nothing, has no receipt, and cannot hold more', async () => {
    const id = await takenOver();
    expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
    expect(await receiptOf(id)).toBeUndefined();
    const { organizationId } = payer;
    const extension = { organizationId, requestId: id, toAmount: usd('3') };
    expect(await first().extend(extension)).toEqual({ outcome: 'already_resolved' });
    expect(await hold(first(), payer, usd('1'), id)).toMatchObject({ outcome: 'already_resolved' });
    await nodes[0].charging.renew();
    expect(await stateOf(id)).toBe('superseded');
    expect(await verifyLedger(db.pool, { mode: 'full' })).toMatchObject({ ok: true });
  });

  test('limits count it no more, though nobody has swept', async () => {
    const { organizationId } = payer;
    await setSpendLimit(db.pool, {
      ...{ organizationId, level: 'organization', subjectId: organizationId },
      ...{ amount: usd('3'), action: 'notify_and_pause', setBy: 'test' },
    });
    await takenOver();
    expect(await readSpendLimits(db.pool, organizationId)).toMatchObject([{ held: 0n }]);
    expect(await verifyLedger(db.pool, { mode: 'full' })).toMatchObject({ ok: true });
  });

  test('S19: its late answer is free, a loss of the operator’s, and on a receipt', async () => {
    const id = await takenOver();
    for (let times = 0; times < 2; times += 1) {
      const told = await settle(first(), payer, id, usd('0.3'));
      expect(told).toMatchObject({ outcome: 'already_resolved', charged: 0n });
    }
    expect([...losses]).toEqual([[id, usd('0.3')]]);
    expect(await receiptOf(id)).toMatchObject({ outcome: 'S19', charged_usd: '0', lines: [] });
    expect(await balance()).toMatchObject({ available: usd('5'), held: 0n });
    expect(await verifyLedger(db.pool, { mode: 'full' })).toMatchObject({ ok: true });
  });

  test('if it was free anyway, the loss is what it is known to have cost', async () => {
    const [failed, refused] = [await takenOver(), newRequest()];
    await voidHold(first(), payer, failed, usd('0.1'));
    expect([...losses]).toEqual([[failed, usd('0.1')]]);
    expect(await receiptOf(failed)).toMatchObject({ outcome: 'S7', charged_usd: '0' });
    expect(await receiptOf(refused)).toBeUndefined();
    expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
  });

  test('if the store is away again, whoever settles it tries again', async () => {
    const id = await takenOver();
    const away = { query: () => Promise.reject(new Error('away')) };
    const noted = withLossesNoted(nodes[0].charging, {
      ...{ db: away, onLoss: (lost, loss) => losses.set(lost, loss) },
      onFailure: (error) => failures.push(error),
    });
    expect(await settle(noted, payer, id, usd('0.3'))).toEqual({ outcome: 'ledger_unavailable' });
    expect([failures.length, losses.size]).toEqual([1, 0]);
    await settle(first(), payer, id, usd('0.3'));
    expect(losses.size).toBe(1);
  });

  test('a hold that was given back before is no loss', async () => {
    const { id } = await hold(nodes[0].charging, payer, usd('1'));
    await voidHold(first(), payer, id);
    expect(await settle(first(), payer, id, usd('0.3'))).toMatchObject({ charged: 0n });
    expect([losses.size, failures]).toEqual([0, []]);
  });
});
