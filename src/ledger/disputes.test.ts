import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nanos, ZERO } from '#kernel/money';
import { seizureOf } from '#ledger/disputes';
import { type GrantFacts, givenBack } from '#ledger/grant-facts';

const facts = (part: Partial<GrantFacts>): GrantFacts => ({
  kind: 'purchase',
  credit: nanos(100n),
  tax: nanos(20n),
  remaining: ZERO,
  unpromised: ZERO,
  expired: false,
  stopped: true,
  voided: false,
  frozenBy: 'dp',
  broken: ZERO,
  refunded: ZERO,
  seized: ZERO,
  indebted: ZERO,
  unbroken: ZERO,
  taxBack: ZERO,
  ...part,
});

describe('what a lost dispute takes', () => {
  test('F59: frozen credit first, then what was spent as debt, with the whole tax', () => {
    expect(seizureOf(facts({}), nanos(70n), nanos(100n))).toEqual({
      seized: 70n,
      debt: 30n,
      breakage: 0n,
      tax: 20n,
      released: 0n,
      promised: 0n,
    });
  });

  test('a smaller claim leaves the rest of what is frozen to the customer', () => {
    const claim = seizureOf(facts({}), nanos(70n), nanos(40n));
    expect(claim).toMatchObject({ seized: 40n, debt: 0n, tax: 8n, released: 30n });
  });

  test('F60: what had expired comes out of breakage and is no debt', () => {
    const claim = seizureOf(facts({ broken: nanos(45n) }), ZERO, nanos(100n));
    expect(claim).toMatchObject({ debt: 55n, breakage: 45n, promised: 0n });
    const smaller = seizureOf(facts({ broken: nanos(45n) }), ZERO, nanos(60n));
    expect(smaller).toMatchObject({ debt: 55n, breakage: 5n });
  });

  test('what open holds still need is debt, and named', () => {
    const claim = seizureOf(facts({ remaining: nanos(25n) }), nanos(50n), nanos(100n));
    expect(claim).toMatchObject({ seized: 50n, debt: 50n, promised: 25n });
  });

  test('what holds needed and was debt before is not found a second time', () => {
    const earlier = { remaining: nanos(30n), seized: nanos(30n), indebted: nanos(30n) };
    const claim = seizureOf(facts(earlier), nanos(40n), nanos(40n));
    expect(claim).toMatchObject({ seized: 40n, debt: 0n, breakage: 0n, promised: 0n });
  });

  const amount = fc.bigInt({ min: 0n, max: 1_000n });
  test('is all of the claim and nothing else, with what was taken before left alone', () => {
    const parts = fc.record({
      frozen: amount,
      remaining: amount,
      used: fc.bigInt({ min: 1n, max: 1_000n }),
      broken: amount,
      refunded: amount,
      seized: amount,
      tax: amount,
      share: fc.bigInt({ min: 0n, max: 100n }),
    });
    fc.assert(
      fc.property(parts, (p) => {
        const credit = p.frozen + p.remaining + p.used + p.broken + p.refunded + p.seized;
        const grant = facts({
          credit: nanos(credit),
          tax: nanos(p.tax),
          remaining: nanos(p.remaining),
          broken: nanos(p.broken),
          refunded: nanos(p.refunded),
          seized: nanos(p.seized),
          indebted: nanos(p.used / 3n),
          unbroken: nanos(p.broken / 2n),
        });
        const claimable = credit - givenBack(grant);
        const claim = (claimable * p.share) / 100n;
        const s = seizureOf(grant, nanos(p.frozen), nanos(claim));
        expect(s.seized + s.debt + s.breakage).toBe(claim);
        expect(s.seized + s.released).toBe(p.frozen);
        expect(s.breakage <= p.broken - p.broken / 2n).toBe(true);
        expect(s.debt <= p.used - p.used / 3n + p.remaining).toBe(true);
        expect(s.debt === 0n || s.seized === p.frozen).toBe(true);
        expect(s.tax <= p.tax).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
