import { describe, expect, it } from 'vitest';
import { nanos, parseUsd, ZERO } from '#kernel/money';
import { bundledBook } from './bundled-book.ts';
import { worthAtOwnMix, worthAtPlan } from './purchasing-power.ts';

const usd = (text: string) => parseUsd(text) ?? ZERO;
const DAY = 86_400n;

describe('what an amount buys', () => {
  it('at the own mix it is as much as was bought so far for as much', () => {
    const spent = { charged: usd('10'), requests: 400n, seconds: 20n * DAY };
    expect(worthAtOwnMix(usd('25'), spent)).toEqual({ requests: 1_000n, days: 50n });
    expect(worthAtOwnMix(usd('10'), spent)).toEqual({ requests: 400n, days: 20n });
  });

  it('it never promises a request more than the amount is enough for', () => {
    const spent = { charged: nanos(3n), requests: 1n, seconds: DAY };
    expect(worthAtOwnMix(nanos(8n), spent)).toEqual({ requests: 2n, days: 2n });
    expect(worthAtOwnMix(nanos(2n), spent)).toEqual({ requests: 0n, days: 0n });
  });

  it('amounts beyond what a float can hold are exact', () => {
    const spent = { charged: nanos(1n), requests: 1n, seconds: DAY };
    const most = nanos(9_007_199_254_740_993n);
    expect(worthAtOwnMix(most, spent)?.requests).toBe(9_007_199_254_740_993n);
  });

  it('where nothing was charged nothing is said', () => {
    expect(worthAtOwnMix(usd('5'), { charged: ZERO, requests: 0n, seconds: DAY })).toBeUndefined();
  });

  it('of a planned request it goes by the price book, to the last nano-dollar', () => {
    const at = new Date('2026-11-20T00:00:00Z');
    const prices = { book: bundledBook(), terms: [], at };
    const planned = { model: 'claude-opus-4-6', inputTokens: 1_000, outputTokens: 500 };
    // 1,000 × $5 and 500 × $25 per million: $0.0175.
    expect(worthAtPlan(usd('25'), planned, prices)).toEqual({
      outcome: 'estimated',
      each: usd('0.0175'),
      requests: 1_428n,
    });
    const unknown = { ...planned, model: 'nothing-like-it' };
    expect(worthAtPlan(usd('25'), unknown, prices)).toEqual({ outcome: 'model_not_priced' });
    const nothing = { ...planned, inputTokens: 0, outputTokens: 0 };
    expect(worthAtPlan(usd('25'), nothing, prices)).toEqual({ outcome: 'free' });
  });
});
