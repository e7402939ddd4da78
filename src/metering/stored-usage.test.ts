import { describe, expect, test } from 'vitest';
import { nanos } from '#kernel/money';
import { attempt, fold, ok } from '#test/wire-answers';
import { packUsage, readStoredUsage } from './stored-usage.ts';

const { usage } = fold({ ...ok, audio_tokens: 3, server_tool_use: { web_search_requests: 1 } });
const whole = {
  usage,
  lines: { models: ['m'], lines: [['input', 0, '25', '5000000000']] },
  listAmount: nanos(2n ** 63n - 1n),
  upstreamCost: nanos(0n),
};
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
