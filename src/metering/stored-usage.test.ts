import { describe, expect, test } from 'vitest';
import { nanos } from '#kernel/money';
import { attempt, fold, ok } from '#test/wire-answers';
import { packUsage, readRepetition, readStoredUsage } from './stored-usage.ts';
import type { UpstreamAttempt } from './upstream-attempts.ts';

const { usage } = fold({ ...ok, audio_tokens: 3, server_tool_use: { web_search_requests: 1 } });
const whole = {
  usage,
  lines: { models: ['m'], lines: [['input', 0, '25', '5000000000']] },
  listAmount: nanos(2n ** 63n - 1n),
  upstreamCost: nanos(0n),
};
const upstreamAttempts: readonly UpstreamAttempt[] = [
  { upstream: 'a', outcome: 'refused', status: 529, elapsedMs: 12, cost: nanos(0n) },
  { upstream: 'b', outcome: 'broke_off', status: null, elapsedMs: 7, cost: null },
  { upstream: 'c', outcome: 'answered', status: 200, elapsedMs: 850, cost: nanos(2n ** 63n - 1n) },
];
const again = (stored: string | null) =>
  readStoredUsage(stored === null ? null : JSON.parse(stored));

describe('what is stored of a usage', () => {
  test.each([
    ['with all of its prices', whole],
    ['not charged', { ...whole, lines: null, listAmount: null }],
    ['upstream prices not known', { ...whole, upstreamCost: null }],
    ['nothing known', { usage: null, lines: null, listAmount: null, upstreamCost: null }],
  ])('is read as it was: %s', (_name, priced) => {
    expect(again(packUsage(priced))).toEqual(priced);
  });

  test('is the usage itself, with the prices beside its counts, and amounts as digits', () => {
    expect(JSON.parse(packUsage(whole) ?? '')).toEqual({
      ...usage,
      lines: whole.lines,
      list_nanos: '9223372036854775807',
      upstream_nanos: '0',
    });
  });

  test.each([
    ['beside a usage', whole],
    [
      'where nothing else is known',
      { usage: null, lines: null, listAmount: null, upstreamCost: null },
    ],
  ])('keeps which upstreams were asked, %s', (_name, priced) => {
    const asked = { ...priced, upstreamAttempts };
    const stored = packUsage(asked);
    expect(again(stored)).toEqual(asked);
    expect(JSON.parse(stored ?? '').upstream_attempts[1]).toEqual([
      'b',
      'broke_off',
      null,
      7,
      null,
    ]);
    expect(packUsage({ ...priced, upstreamAttempts: [] })).toBe(packUsage(priced));
  });

  test('that is odd in its attempts only loses them', () => {
    for (const odd of [
      'x',
      [['a']],
      [['a', 'danced', 200, 3, '0']],
      [['a', 'refused', 500, 1, 0]],
    ]) {
      const read = readStoredUsage({ ...usage, upstream_attempts: odd });
      expect(read.usage).toEqual(usage);
      expect(read.upstreamAttempts).toBeUndefined();
    }
  });

  test('by the release before has neither kinds, fees by time, nor prices', () => {
    const { kind: _k, billed: _b, ...counts } = attempt({ inputTokens: 25, outputTokens: 15 });
    const settings = { speed: 'fast', inferenceGeo: 'us', serviceTier: 'batch' };
    expect(readStoredUsage({ iterations: [counts], webSearches: 2, ...settings })).toEqual({
      usage: {
        iterations: [{ ...counts, kind: 'message', billed: true }],
        webSearches: 2,
        codeExecutionSeconds: 0,
        sessionMilliseconds: 0,
        ...settings,
      },
      lines: null,
      listAmount: null,
      upstreamCost: null,
    });
  });

  test.each([[null], ['text'], [{ input_tokens: 3 }], [{ ...usage, webSearches: -1 }]])(
    'by nobody is nothing: %j',
    (value) => {
      const nothing = { usage: null, lines: null, listAmount: null, upstreamCost: null };
      expect(readStoredUsage(value)).toEqual(nothing);
    },
  );

  test('with prices that cannot be read still has its counts', () => {
    for (const broken of [{ lines: 'x' }, { list_nanos: 5 }, { upstream_nanos: '-5' }]) {
      expect(readStoredUsage({ ...usage, ...broken })).toMatchObject({ usage, lines: null });
    }
  });
});

describe('what a request repeats', () => {
  test.each([
    ['beside a usage', whole],
    ['without one', { usage: null, lines: null, listAmount: null, upstreamCost: null }],
  ])('is stored %s and disturbs nothing', (_name, priced) => {
    for (const repetition of [
      { adopted: true, retryOf: null },
      { adopted: false, retryOf: 'req_1' },
    ]) {
      const stored = packUsage({ ...priced, ...repetition });
      expect(readRepetition(JSON.parse(stored ?? ''))).toEqual(repetition);
      expect(again(stored)).toEqual(priced);
    }
    expect(packUsage({ ...priced, adopted: false, retryOf: null })).toBe(packUsage(priced));
  });

  test.each([[null], ['text'], [{ ...usage }], [{ retry_of: 5 }]])('is nothing in %j', (value) => {
    expect(readRepetition(value)).toEqual({ adopted: false, retryOf: null });
  });
});
