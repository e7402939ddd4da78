import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReplayTerms, type Spell, taxOn } from '#advice/course';
import { replay } from '#advice/replay';
import { type NanoUsd, nanos, parseUsd, sum, ZERO } from '#kernel/money';

const usd = (text: string): NanoUsd => parseUsd(text) ?? ZERO;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Ten days before a month ends, so that thirty days meet the beginning of another. */
const FROM = Date.parse('2026-10-21T00:00:00Z');

const plain: ReplayTerms = {
  ...{ threshold: usd('10'), target: usd('50'), maxPerDay: 3, maxPerMonth: null },
  ...{ minimum: usd('5'), maximum: usd('10000'), usualTax: null },
  ...{ start: usd('50'), from: FROM, to: FROM + 30 * DAY },
};
const at = (ms: number, spent: string): Spell => ({
  ...{ from: FROM + ms, to: FROM + ms, spent: usd(spent) },
});
const during = (ms: number, forMs: number, spent: string): Spell => ({
  ...{ from: FROM + ms, to: FROM + ms + forMs, spent: usd(spent) },
});

describe('a month of spending, replayed', () => {
  it('buys what the threshold misses, as often as it is crossed', () => {
    const { reloads, charged, atZeroMs, balance } = replay(plain, [
      ...[at(HOUR, '39'), at(2 * HOUR, '2'), at(3 * HOUR, '20'), at(9 * HOUR, '25')],
    ]);
    expect(reloads.map(({ at: when, credit }) => [when - FROM, credit])).toEqual([
      [2 * HOUR, usd('41')],
      [9 * HOUR, usd('45')],
    ]);
    expect([charged, atZeroMs, balance]).toEqual([usd('86'), 0, usd('50')]);
  });

  it('an even pace crosses the threshold between two sums, and buys a full lot', () => {
    const even = replay({ ...plain, to: FROM + 2 * DAY }, [during(0, 2 * DAY, '96')]);
    // Forty dollars last twenty hours at two dollars an hour.
    expect(even.reloads.map((one) => Math.round((one.at - FROM) / HOUR))).toEqual([20, 40]);
    for (const { credit } of even.reloads) expect(credit).toBe(usd('40.01'));
    expect(even.atZeroMs).toBe(0);
  });

  it('idle money is the average balance over all of the time', () => {
    const half = { ...plain, to: FROM + 2 * DAY };
    expect(replay(half, []).idle).toBe(usd('50'));
    expect(replay(half, [at(DAY, '40')]).idle).toBe(usd('30'));
    expect(replay(half, [during(0, 2 * DAY, '40')]).idle).toBe(usd('30'));
  });

  it('credit that is used up stays so until a reload may be made, and says what held it', () => {
    const once = { ...plain, maxPerDay: 1 };
    const { reloads, atZeroMs, heldBy, refused } = replay(once, [
      ...[at(HOUR, '45'), at(2 * HOUR, '50'), during(3 * HOUR, HOUR, '7')],
    ]);
    expect(reloads.map((one) => one.at - FROM)).toEqual([HOUR, HOUR + DAY]);
    // Its payment takes three seconds, too.
    expect(atZeroMs).toBe(23 * HOUR + 3_000);
    expect(heldBy).toEqual([
      { answer: 'day_full', ms: 23 * HOUR },
      { answer: 'under_way', ms: 3_000 },
    ]);
    expect(refused).toBe(usd('7'));
  });

  it('a threshold of nothing is never crossed', () => {
    const never = replay({ ...plain, threshold: ZERO }, [during(0, DAY, '50')]);
    expect(never.reloads).toEqual([]);
    expect(never.atZeroMs).toBe(29 * DAY);
  });

  it('the bound of a month counts tax, and begins anew with the month', () => {
    const usualTax = { tax: nanos(19n), credit: nanos(100n) };
    const terms = { ...plain, maxPerMonth: usd('100'), usualTax };
    const spells = Array.from({ length: 29 }, (_, day) => at(day * DAY + HOUR, '45'));
    const { reloads } = replay(terms, spells);
    const october = reloads.filter((one) => one.at < Date.parse('2026-11-01T00:00:00Z'));
    expect(sum(october.map(({ charged }) => charged))).toBeLessThanOrEqual(usd('100'));
    expect(reloads.length).toBeGreaterThan(october.length);
    expect(taxOn(usd('45'), terms.usualTax)).toBe(usd('8.55'));
  });
});

describe('whatever is spent, and whatever is set', () => {
  const dollars = (min: number, max: number) =>
    fc.integer({ min, max }).map((whole) => usd(String(whole)));
  /** Bursts and quiet hours: five-minute sums and single charges, in order. */
  const spending = fc
    .array(
      fc.tuple(
        fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2_000 })),
        fc.boolean(),
        fc.bigInt({ min: 1n, max: 60_000_000_000n }),
      ),
      { maxLength: 60 },
    )
    .map((parts) => {
      let from = FROM;
      return parts.map(([gap, single, amount]): Spell => {
        from += gap * 5 * MINUTE;
        const spell = { from, to: single ? from : from + 5 * MINUTE, spent: nanos(amount) };
        from = spell.to;
        return spell;
      });
    })
    .map((spells) => spells.filter(({ to }) => to <= FROM + 30 * DAY));
  const settings = fc
    .record({
      threshold: dollars(0, 60),
      lot: dollars(1, 80),
      maxPerDay: fc.integer({ min: 1, max: 24 }),
      maxPerMonth: fc.option(dollars(1, 400)),
      rate: fc.option(fc.integer({ min: 0, max: 30 })),
    })
    .map(
      ({ threshold, lot, maxPerDay, maxPerMonth, rate }): ReplayTerms => ({
        ...{ ...plain, threshold, maxPerDay, maxPerMonth },
        ...{ target: nanos(threshold + lot), start: nanos(threshold + lot) },
        usualTax: rate === null ? null : { tax: nanos(BigInt(rate)), credit: nanos(100n) },
      }),
    );

  it('no money appears or is lost, and no balance is below zero', () => {
    fc.assert(
      fc.property(settings, spending, (terms, spells) => {
        const told = replay(terms, spells);
        const bought = sum(told.reloads.map(({ credit }) => credit));
        const asked = sum(spells.map(({ spent }) => spent));
        const late = told.reloads.filter((one) => one.at + 3_000 > terms.to);
        const onItsWay = sum(late.map(({ credit }) => credit));
        expect(told.spent).toBe(asked);
        expect(told.balance).toBe(terms.start + bought - onItsWay - asked + told.refused);
        expect(told.balance).toBeGreaterThanOrEqual(0n);
        expect(told.refused).toBeGreaterThanOrEqual(0n);
        expect(told.atZeroMs).toBeLessThanOrEqual(terms.to - terms.from);
        const held = told.heldBy.reduce((ms, one) => ms + one.ms, 0);
        expect(held).toBe(told.atZeroMs);
      }),
    );
  });

  it('no bound is passed: of an hour, a day, a month, nor between two reloads', () => {
    fc.assert(
      fc.property(settings, spending, (terms, spells) => {
        const { reloads } = replay(terms, spells);
        const within = (ms: number, from: number) =>
          reloads.filter((one) => one.at >= from && one.at < from + ms).length;
        const months = new Map<string, bigint>();
        for (const { at: when, charged } of reloads) {
          expect(within(HOUR, when)).toBeLessThanOrEqual(3);
          expect(within(DAY, when)).toBeLessThanOrEqual(terms.maxPerDay);
          expect(within(MINUTE, when)).toBe(1);
          const month = new Date(when).toISOString().slice(0, 7);
          months.set(month, (months.get(month) ?? 0n) + charged);
        }
        for (const charged of months.values()) {
          expect(terms.maxPerMonth === null || charged <= terms.maxPerMonth).toBe(true);
        }
      }),
    );
  });

  it('any setting has at most as many seconds at zero as none', () => {
    fc.assert(
      fc.property(settings, spending, (terms, spells) => {
        const off = replay({ ...terms, threshold: ZERO }, spells);
        expect(off.reloads).toEqual([]);
        expect(replay(terms, spells).atZeroMs).toBeLessThanOrEqual(off.atZeroMs);
      }),
    );
  });

  it('within a month, a higher bound of it never has more seconds at zero', () => {
    const endOfMonth = { to: FROM + 10 * DAY };
    fc.assert(
      fc.property(settings, spending, dollars(1, 300), (terms, spells, more) => {
        const lower = { ...terms, ...endOfMonth, maxPerMonth: terms.maxPerMonth ?? usd('60') };
        const higher = { ...lower, maxPerMonth: nanos(lower.maxPerMonth + more) };
        const [less, least] = [replay(lower, spells), replay(higher, spells)];
        expect(least.atZeroMs).toBeLessThanOrEqual(less.atZeroMs);
      }),
    );
  });

  it('whoever no bound holds back, and whose threshold covers a payment, is never at zero', () => {
    fc.assert(
      fc.property(settings, spending, (terms, spells) => {
        // The most that five minutes cost here is sixty dollars: sixty cents in three seconds.
        const even = spells.map((spell) => ({ ...spell, to: spell.from + 5 * MINUTE }));
        const apart = even.filter(({ from }, i) => from >= (even[i - 1]?.to ?? 0));
        const generous = { ...terms, threshold: usd('60'), target: usd('1000') };
        const { atZeroMs, reloads } = replay(
          { ...generous, ...{ start: usd('1000'), maxPerDay: 24, maxPerMonth: null } },
          apart,
        );
        expect(atZeroMs).toBe(0);
        expect(reloads.length).toBeLessThan(24);
      }),
    );
  });
});
