import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wholeDays } from '#advice/advice';
import { busiestDay, DAY_MS, type Pace, paceOf, perDay } from '#advice/pace';
import { runwayAt } from '#advice/runway';
import { suggest } from '#advice/suggestion';
import { type NanoUsd, nanos, parseUsd, sum, ZERO } from '#kernel/money';
import type { Slice, UsableCredit } from '#ledger/spending';

const usd = (text: string): NanoUsd => parseUsd(text) ?? ZERO;
const NOW = new Date('2026-11-21T12:00:00Z');
const days = (count: number): Date => new Date(NOW.getTime() + count * DAY_MS);
const slice = (daysAgo: number, spent: string): Slice => ({
  at: days(-daysAgo),
  spent: usd(spent),
});
const pace = (daily: string): Pace => ({
  ...{ days: 7, from: days(-7), overMs: 7 * DAY_MS },
  spent: nanos(usd(daily) * 7n),
});
const credit = (...grants: readonly (readonly [string, number])[]): UsableCredit => ({
  ...{ now: NOW, debt: ZERO, since: days(-100) },
  grants: grants.map(([text, until]) => ({ remaining: usd(text), until: days(until) })),
});

describe('the pace', () => {
  it('is what was spent in the days before, exactly', () => {
    const slices = [slice(9, '100'), slice(6, '7'), slice(2, '3.5')];
    expect(perDay(paceOf(slices, NOW, days(-90), 7))).toBe(usd('1.5'));
    expect(paceOf(slices, NOW, days(-90), 3)).toMatchObject({ days: 3, spent: usd('3.5') });
  });

  it('of a young organization counts the days it had credit, and a day at least', () => {
    const slices = [slice(2, '8'), slice(1, '2')];
    expect(perDay(paceOf(slices, NOW, days(-2), 7))).toBe(usd('5'));
    expect(perDay(paceOf([slice(0.01, '4')], NOW, days(-0.1), 3))).toBe(usd('4'));
  });

  it('the busiest day is any 24 hours of the week, not a calendar day', () => {
    const slices = [slice(8, '100'), slice(3.4, '5'), slice(2.6, '6'), slice(1, '9')];
    expect(busiestDay(slices, NOW)).toBe(usd('11'));
    expect(busiestDay([], NOW)).toBe(ZERO);
  });
});

describe('the runway', () => {
  it('is how long the credit lasts', () => {
    expect(runwayAt(credit(['30', 365]), pace('3'))).toEqual({
      ...{ state: 'lasts', until: days(10), endsBy: 'spending', unused: ZERO },
    });
  });

  it('credit that expires before it could be used does not lengthen it', () => {
    const runway = runwayAt(credit(['30', 4], ['20', 365]), pace('3'));
    // Four days of the first, then all of the second: 18 dollars of the first are lost.
    expect(runway).toMatchObject({ state: 'lasts', endsBy: 'spending', unused: usd('18') });
    expect(wholeDays(NOW, runway)).toBe(10);
    expect(runwayAt(credit(['300', 5]), pace('3'))).toEqual({
      ...{ state: 'lasts', until: days(5), endsBy: 'expiry', unused: usd('285') },
    });
  });

  it('says where there is none to tell of', () => {
    expect(runwayAt(credit(['30', 365]), pace('0'))).toEqual({ state: 'no_spending' });
    expect(runwayAt(credit(), pace('3'))).toEqual({ state: 'used_up' });
    const indebted = { ...credit(['30', 365]), debt: usd('1') };
    expect(runwayAt(indebted, pace('3'))).toEqual({ state: 'in_debt' });
    expect(runwayAt({ ...indebted, debt: usd('500') }, pace('0'))).toEqual({ state: 'in_debt' });
    expect(wholeDays(NOW, { state: 'in_debt' })).toBe(0);
    expect(wholeDays(NOW, { state: 'used_up' })).toBe(0);
    expect(wholeDays(NOW, { state: 'no_spending' })).toBeNull();
  });

  const grants = fc.array(
    fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 13n }), fc.integer({ min: 1, max: 400 })),
    { minLength: 1, maxLength: 8 },
  );
  const inOrder = (some: readonly (readonly [bigint, number])[]): UsableCredit => ({
    ...credit(),
    grants: [...some]
      .sort(([, one], [, other]) => one - other)
      .map(([amount, until]) => ({ remaining: nanos(amount), until: days(until) })),
  });

  it('never lasts longer than the money, nor than the last of it, whatever the grants', () => {
    fc.assert(
      fc.property(grants, fc.bigInt({ min: 1n, max: 10n ** 13n }), (some, spent) => {
        const has = inOrder(some);
        const at: Pace = { ...pace('1'), spent: nanos(spent) };
        const runway = runwayAt(has, at);
        if (runway.state !== 'lasts') throw new Error(runway.state);
        const ms = BigInt(runway.until.getTime() - NOW.getTime());
        const all = sum(has.grants.map(({ remaining }) => remaining));
        const used = (ms * at.spent) / BigInt(at.overMs);
        // What is used and what is lost is all there was, but for a millisecond a grant.
        const slack = (at.spent / BigInt(at.overMs) + 1n) * BigInt(some.length + 1);
        expect(used + runway.unused).toBeLessThanOrEqual(all + slack);
        expect(used + runway.unused).toBeGreaterThanOrEqual(all - slack);
        expect(runway.until <= (has.grants.at(-1)?.until ?? NOW)).toBe(true);
      }),
    );
  });

  it('a faster pace never lasts longer, more credit never shorter', () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 13n });
    fc.assert(
      fc.property(grants, amount, amount, (some, spent, more) => {
        const until = (has: UsableCredit, rate: bigint): number => {
          const runway = runwayAt(has, { ...pace('1'), spent: nanos(rate) });
          return runway.state === 'lasts' ? runway.until.getTime() : 0;
        };
        const slack = some.length + 1;
        const slow = until(inOrder(some), spent);
        expect(until(inOrder(some), spent + more)).toBeLessThanOrEqual(slow + slack);
        const richer = inOrder([...some, [more, 500]]);
        expect(until(richer, spent)).toBeGreaterThanOrEqual(slow - slack);
      }),
    );
  });
});

describe('the suggestion', () => {
  const bounds = { minimum: usd('5'), maximum: usd('1000') };

  it('leaves a day to act, and buys for a week of the faster pace', () => {
    const fast: Pace = { ...pace('1'), days: 3, overMs: 3 * DAY_MS, spent: usd('36') };
    const told = suggest([pace('7'), fast], usd('31.2'), bounds);
    expect(told).toMatchObject({ threshold: usd('35'), target: usd('120') });
    expect(told?.thresholdReason).toContain('24 hours of the last week cost $31.20');
    expect(told?.targetReason).toBe(
      '$85.00 above the threshold buys for about a week at the pace of the last 3 days, $12.00 a day.',
    );
  });

  it('stays within what can be bought at once, and says so', () => {
    const dear = suggest([pace('400')], usd('500'), bounds);
    expect(dear).toMatchObject({ threshold: usd('500'), target: usd('1500') });
    expect(dear?.targetReason).toContain('is the most that can be bought at once');
    const cheap = suggest([pace('0.01')], usd('0.01'), bounds);
    expect(cheap).toMatchObject({ threshold: usd('5'), target: usd('10') });
    expect(cheap?.targetReason).toContain('is the least that can be bought at once');
  });

  it('is none where nothing was spent: it would be a guess', () => {
    expect(suggest([pace('0')], ZERO, bounds)).toBeUndefined();
  });
});
