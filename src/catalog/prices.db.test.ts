import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { advanceClock, declareSimulated } from '#db/deployment';
import type { Db, Pool } from '#db/pool';
import { newId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer, type Payer } from '#test/ledger-world';
import { forgetPrices, row, testBook } from '#test/prices';
import { importBook } from './books.ts';
import { addDiscount, cancelDiscount, type DiscountTerms, listDiscounts } from './discounts.ts';
import { openPrices, pricesOf, readPrices } from './live.ts';

let db: TestDatabase;
let pool: Pool;
let payer: Payer;
beforeAll(async () => {
  db = await testDatabase();
  pool = db.pool;
  await declareSimulated(pool, true);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await forgetPrices(db.ownerPool);
  payer = await makePayer(pool);
  await kept('first');
});

const MODEL = 'claude-opus-5';
const kept = (version: string, input = '5') =>
  importBook(pool, {
    book: testBook(version, row(MODEL, input, '30')),
    source: 'import',
    by: 'operator',
  });
const share = (numerator: bigint, denominator: bigint) => ({ numerator, denominator });
const granted = async (terms: Partial<DiscountTerms> = {}) => {
  const added = await addDiscount(pool, {
    id: newId('discount', systemEntropy),
    organizationId: payer.organizationId,
    model: null,
    factor: share(9n, 10n),
    appliesTo: null,
    from: null,
    until: null,
    reason: 'contract 7',
    by: 'operator',
    ...terms,
  });
  expect(added.outcome).toBe('added');
  return added.discount;
};
const DAY_MS = 86_400_000;
const now = async () => (await readPrices(pool)).now;
const daysOn = async (days: number) => new Date((await now()).getTime() + days * DAY_MS);
const terms = async () => (await readPrices(pool)).prices.termsOf(payer.organizationId);

test('a discount is in the terms of its organization and of no other', async () => {
  const other = await makePayer(pool);
  const mine = await granted({ model: MODEL, appliesTo: ['input', 'web_search'] });
  expect(await terms()).toEqual([mine]);
  expect(mine).toMatchObject({
    model: MODEL,
    factor: share(9n, 10n),
    appliesTo: new Set(['input', 'web_search']),
    until: null,
    reason: 'contract 7',
    cancelledAt: null,
  });
  const { prices } = await readPrices(pool);
  expect(prices.termsOf(other.organizationId)).toEqual([]);
});

test('a discount without components is on everything', async () => {
  const { appliesTo } = await granted();
  expect([...appliesTo]).toContain('session');
  expect(appliesTo.size).toBe(8);
});

test('a cancelled discount is in no terms any more, and stays in the record', async () => {
  const { id } = await granted();
  const before = (await readPrices(pool)).prices.epoch;
  expect(await cancelDiscount(pool, id, 'operator')).toMatchObject({ outcome: 'cancelled' });
  expect(await terms()).toEqual([]);
  expect((await readPrices(pool)).prices.epoch).toBe(before + 1n);
  const again = await cancelDiscount(pool, id, 'operator');
  expect(again).toMatchObject({ outcome: 'already_cancelled' });
  expect((await readPrices(pool)).prices.epoch).toBe(before + 1n);
  const [listed] = await listDiscounts(pool, payer.organizationId);
  expect(listed?.cancelledAt).toBeInstanceOf(Date);
  const unknown = await cancelDiscount(pool, 'disc_none', 'operator');
  expect(unknown).toEqual({ outcome: 'unknown_discount' });
});

test('two who cancel one discount at once cancel it once', async () => {
  const { id } = await granted();
  const both = await Promise.all([1, 2].map(() => cancelDiscount(pool, id, 'operator')));
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['already_cancelled', 'cancelled']);
});

test('a discount begins and ends by business time, without anybody doing anything', async () => {
  const later = await granted({ model: MODEL, from: await daysOn(2), until: await daysOn(4) });
  const lasting = await granted({ until: await daysOn(3) });
  expect(await terms()).toEqual([lasting, later]);
  await advanceClock(pool, 3.5 * 86_400);
  expect(await terms()).toEqual([later]);
  await advanceClock(pool, 86_400);
  expect(await terms()).toEqual([]);
  expect(await listDiscounts(pool, payer.organizationId)).toHaveLength(2);
});

test('a share of nothing or of more than all is no discount, nor is a span that is none', async () => {
  for (const factor of [share(0n, 1n), share(11n, 10n), share(-1n, 2n)]) {
    await expect(granted({ factor })).rejects.toMatchObject({ code: '23514' });
  }
  const day = await daysOn(1);
  await expect(granted({ from: day, until: day })).rejects.toMatchObject({ code: '23514' });
});

test('a process learns of what another changed: of an import, of a discount, of its end', async () => {
  const live = await openPrices(pool);
  const first = live.current();
  await kept('second', '6');
  expect(live.current()).toBe(first);
  const { prices } = await live.latest();
  expect([prices.book.version, live.current()]).toEqual(['second', prices]);
  const { id } = await granted();
  const since = await live.since(prices.epoch + 1n);
  expect(since.termsOf(payer.organizationId)).toHaveLength(1);
  await cancelDiscount(pool, id, 'operator');
  expect((await live.latest()).prices.termsOf(payer.organizationId)).toEqual([]);
});

test('prices that are new enough are not read again', async () => {
  const counting = counted(pool);
  const live = await openPrices(counting.pool);
  expect(counting.reads()).toBe(1);
  expect(await live.since(live.current().epoch)).toBe(live.current());
  await live.latest();
  expect(counting.reads()).toBe(1);
});

test('many who ask at once share a read, and none gets prices older than it asked for', async () => {
  const counting = counted(pool);
  const live = await openPrices(counting.pool);
  await kept('second', '6');
  await kept('third', '7');
  const epoch = live.current().epoch + 2n;
  const many = await Promise.all(Array.from({ length: 50 }, () => live.since(epoch)));
  expect(new Set(many)).toEqual(new Set([live.current()]));
  expect(live.current().book.version).toBe('third');
  expect(counting.reads()).toBe(2);

  // One read is under way; what is recorded meanwhile is in the read of whoever asks after it.
  counting.hold();
  const early = live.since(epoch + 1n);
  await counting.begun();
  await kept('fourth', '8');
  const late = Array.from({ length: 20 }, () => live.since(epoch + 1n));
  counting.go();
  const all = await Promise.all([early, ...late]);
  for (const prices of all) expect(prices.book.version).toBe('fourth');
  expect(counting.reads()).toBe(4);
});

test('a store that does not answer is no reason to go on with old prices', async () => {
  const failing = counted(pool);
  const live = await openPrices(failing.pool);
  await kept('second', '6');
  failing.fail(true);
  await expect(live.latest()).rejects.toThrow('away');
  await expect(live.since(live.current().epoch + 1n)).rejects.toThrow('away');
  failing.fail(false);
  expect((await live.latest()).prices.book.version).toBe('second');
});

test('prices are never older than what was asked for', async () => {
  const live = await openPrices(pool);
  await expect(live.since(live.current().epoch + 1n)).rejects.toThrow('the store forgot');
});

test('book, discounts and epoch are of one moment', async () => {
  let change: (() => Promise<unknown>) | undefined;
  const paused: Pool = {
    ...pool,
    transaction: (work) =>
      pool.transaction((tx) =>
        work({
          async query(statement) {
            const rows = await tx.query<never>(statement);
            // Between the epoch and the book, somebody else commits.
            if (/catalog\.epoch/.test(statement.text)) await change?.();
            return rows;
          },
        }),
      ),
  };
  change = async () => {
    change = undefined;
    await kept('second', '6');
    await granted();
  };
  const before = (await readPrices(pool)).prices.epoch;
  const { prices } = await readPrices(paused);
  expect(prices.book.version).toBe('first');
  expect(prices.termsOf(payer.organizationId)).toEqual([]);
  expect(prices.epoch).toBe(before);
});

test('prices are steady between two times unless a row or a discount begins or ends there', () => {
  const at = (day: number) => new Date(Date.UTC(2027, 0, day));
  const book = testBook(
    'b',
    row(MODEL, '5', '30', { from: '2027-01-05', until: '2027-01-10' }),
    row(MODEL, '6', '30', { from: '2027-01-10' }),
  );
  const appliesTo = new Set(['input'] as const);
  const discount = { model: null, factor: share(1n, 2n), appliesTo, from: at(12), until: at(20) };
  const prices = pricesOf(1n, book, new Map([['org_1', [discount]]]));
  const justBefore = (day: number) => new Date(at(day).getTime() - 1);
  for (const turn of [5, 10, 12, 20]) {
    expect(prices.steady(justBefore(turn), at(turn)), `to ${turn}`).toBe(false);
    expect(prices.steady(at(turn), justBefore(turn)), `back over ${turn}`).toBe(false);
    expect(prices.steady(at(turn), new Date(at(turn).getTime() + 1)), `from ${turn}`).toBe(true);
  }
  expect(prices.steady(at(1), justBefore(5))).toBe(true);
  expect(prices.steady(at(5), justBefore(10))).toBe(true);
  expect(prices.steady(at(20), at(9_999))).toBe(true);
  expect(prices.steady(at(1), at(31))).toBe(false);
});

/** A pool that says how often prices were read, and can be made to wait or to fail. */
function counted(of: Pool) {
  let reads = 0;
  let away = false;
  let gate = Promise.resolve();
  let open = (): void => {};
  let began = (): void => {};
  let begun = Promise.resolve();
  async function answering<T>(work: () => Promise<T>): Promise<T> {
    if (away) throw new Error('away');
    return await work();
  }
  const counting: Pool = {
    query: (statement) => answering(() => of.query(statement)),
    transaction: (work) =>
      answering(() =>
        of.transaction(async (tx: Db) => {
          reads += 1;
          const result = await work(tx);
          began();
          await gate;
          return result;
        }),
      ),
    close: async () => {},
  };
  return {
    pool: counting,
    reads: () => reads,
    fail(so: boolean) {
      away = so;
    },
    hold() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
      begun = new Promise((resolve) => {
        began = resolve;
      });
    },
    begun: () => begun,
    go() {
      open();
      gate = Promise.resolve();
    },
  };
}
