import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centsExactly, type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';
import {
  COOLDOWN_MS,
  type Decision,
  decideReload,
  MAX_PER_HOUR,
  pauseAfter,
  type ReloadFacts,
  refusalOf,
} from '#payments/auto-reload';

const usd = (text: string): NanoUsd => parseUsd(text) ?? ZERO;
const NOW = new Date('2026-11-21T12:00:00Z');
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);

const low: ReloadFacts = {
  now: NOW,
  enabled: true,
  paused: null,
  threshold: usd('10'),
  target: usd('50'),
  maxPerDay: 3,
  maxPerMonth: null,
  counted: usd('9.99'),
  pending: ZERO,
  underWay: false,
  card: { restsUntil: null },
  barred: null,
  held: null,
  lastCreditedAt: null,
  lastDeclinedAt: null,
  begun: [],
  chargedInMonth: ZERO,
  nextMonth: new Date('2026-12-01T00:00:00Z'),
  minimum: usd('5'),
  maximum: usd('10000'),
};

const started = (text: string): Decision => ({ answer: 'started', amount: usd(text) });

describe('the decision whether to reload', () => {
  it.each<[string, Partial<ReloadFacts>, Decision]>([
    ['below the threshold it buys up to the target', {}, started('40.01')],
    ['at the threshold it does not', { counted: usd('10') }, { answer: 'enough', until: null }],
    ['what is owed is bought too', { counted: -usd('3') }, started('53')],
    ['never less than the least purchase', { target: usd('11') }, started('5')],
    ['a part of a cent is rounded up, never down', { counted: 9_990_000_001n }, started('40.01')],
    ['never more than may be bought at once', { maximum: usd('20') }, started('20')],
    ['off means off', { enabled: false }, { answer: 'off', until: null }],
    ['paused until somebody acts', { paused: 'card_declined' }, { answer: 'paused', until: null }],
    ['a dispute pauses it', { paused: 'dispute' }, { answer: 'paused', until: null }],
    ['no card, no charge', { card: null }, { answer: 'no_card', until: null }],
    [
      'one at a time',
      { underWay: true },
      { answer: 'under_way', until: new Date(NOW.getTime() + 5_000) },
    ],
    [
      'what is on its way counts, and is looked at again',
      { pending: usd('5') },
      { answer: 'enough', until: new Date(NOW.getTime() + 5_000) },
    ],
    [
      'a card that must rest rests',
      { card: { restsUntil: ago(-60_000) } },
      { answer: 'card_resting', until: ago(-60_000) },
    ],
    ['a card that has rested is used', { card: { restsUntil: ago(1) } }, started('40.01')],
    [
      'a minute passes between two',
      { lastCreditedAt: ago(COOLDOWN_MS - 1) },
      { answer: 'cooling_down', until: ago(-1) },
    ],
    ['after that minute it goes on', { lastCreditedAt: ago(COOLDOWN_MS) }, started('40.01')],
    [
      'three in an hour are enough',
      { begun: [ago(1_000_000), ago(2_000_000), ago(3_000_000)], maxPerDay: 24 },
      { answer: 'hour_full', until: ago(3_000_000 - 3_600_000) },
    ],
    [
      'the day has its own number',
      { begun: [ago(4_000_000), ago(5_000_000), ago(80_000_000)] },
      { answer: 'day_full', until: ago(80_000_000 - 86_400_000) },
    ],
    [
      'a refusal rests for a day',
      { lastDeclinedAt: ago(1_000) },
      { answer: 'declined_recently', until: ago(1_000 - 86_400_000) },
    ],
    [
      'the month leaves a smaller purchase',
      { maxPerMonth: usd('100'), chargedInMonth: usd('77.5') },
      started('22.5'),
    ],
    [
      'or none',
      { maxPerMonth: usd('100'), chargedInMonth: usd('95.01') },
      { answer: 'month_full', until: low.nextMonth },
    ],
    [
      'a full balance waits',
      { maximum: usd('4') },
      { answer: 'balance_full', until: new Date(NOW.getTime() + 3_600_000) },
    ],
  ])('%s', (_, changes, expected) => {
    expect(decideReload({ ...low, ...changes })).toEqual(expected);
  });

  it('never passes a brake, whatever the numbers', () => {
    const cents = fc.bigInt(0n, 2_000_000n).map((n) => nanos(n * 10_000_000n));
    const minutes = fc.integer({ min: 0, max: 2_000 }).map((n) => ago(n * 60_000));
    const facts = fc.record({
      enabled: fc.boolean(),
      underWay: fc.boolean(),
      counted: fc.bigInt(-(10n ** 12n), 10n ** 13n),
      pending: cents,
      threshold: cents,
      above: cents,
      month: fc.option(cents),
      chargedInMonth: cents,
      begun: fc.array(minutes, { maxLength: 6 }),
      lastCreditedAt: fc.option(minutes),
      maxPerDay: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(facts, ({ above, month, begun, ...drawn }) => {
        const target = nanos(drawn.threshold + above + usd('0.01'));
        const newest = begun.sort((a, b) => b.getTime() - a.getTime());
        const all = { ...low, ...drawn, target, maxPerMonth: month, begun: newest };
        const decision = decideReload(all);
        if (decision.answer !== 'started') return;
        expect(all.enabled && !all.underWay).toBe(true);
        expect(all.counted + all.pending < all.threshold).toBe(true);
        expect(centsExactly(decision.amount)).toBeDefined();
        if (month !== null) expect(all.chargedInMonth + decision.amount <= month).toBe(true);
        const within = (ms: number) => newest.filter((at) => at > ago(ms)).length;
        expect(within(3_600_000)).toBeLessThan(MAX_PER_HOUR);
        expect(within(86_400_000)).toBeLessThan(all.maxPerDay);
      }),
    );
  });
});

describe('what a refusal means for the next charge', () => {
  const refused = (
    declineCode: string | null,
    code = 'card_declined',
    adviceCode: string | null = null,
  ) => refusalOf({ code, declineCode, adviceCode, outcomeReason: null });

  it('a card that said no for good is never asked again', () => {
    for (const code of ['lost_card', 'stolen_card', 'pickup_card', 'transaction_not_allowed']) {
      expect(refused(code)).toBe('hard');
    }
    expect(refused(null, 'expired_card')).toBe('hard');
    expect(refused('generic_decline', 'card_declined', 'do_not_try_again')).toBe('hard');
    expect(pauseAfter('hard', 0)).toBe('card_declined');
  });

  it('a demand for verification pauses at once: no retry in the background can answer it (S18)', () => {
    expect(refused('authentication_required')).toBe('verification');
    expect(pauseAfter('verification', 0)).toBe('verification_required');
  });

  it('three soft refusals in a row pause, fewer do not', () => {
    expect(refused('insufficient_funds')).toBe('soft');
    expect([0, 1, 2].map((before) => pauseAfter('soft', before))).toEqual([
      null,
      null,
      'declined_repeatedly',
    ]);
  });
});
