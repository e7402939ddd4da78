import { describe, expect, test } from 'vitest';
import { delta, fold, ok, part, play, start, stop, text } from '#test/wire-answers';

const unknown = (usage: object) => fold({ ...ok, ...usage }).usage?.unknown;

describe('counts under names this release does not know are kept, and never priced', () => {
  test.each<[string, object, Record<string, number> | undefined]>([
    ['none', {}, undefined],
    ['a new kind of token', { audio_tokens: 12 }, { audio_tokens: 12 }],
    ['an explicit zero', { audio_tokens: 0 }, { audio_tokens: 0 }],
    [
      'inside objects that are known',
      {
        server_tool_use: { web_search_requests: 1, code_execution_requests: 2 },
        cache_creation: { ephemeral_24h_input_tokens: 3 },
        output_tokens_details: { thinking_tokens: 4, audio_tokens: 5 },
      },
      {
        'server_tool_use.code_execution_requests': 2,
        'cache_creation.ephemeral_24h_input_tokens': 3,
        'output_tokens_details.audio_tokens': 5,
      },
    ],
    [
      'inside objects that are not',
      { media: { video: { frames: 9 } } },
      { 'media.video.frames': 9 },
    ],
    [
      'of iterations, added up',
      {
        iterations: [part('message', { audio_tokens: 2 }), part('compaction', { audio_tokens: 3 })],
      },
      { 'iterations.audio_tokens': 5 },
    ],
    [
      'beyond what adds up exactly: what was added before',
      {
        iterations: [
          part('message', { audio_tokens: 2 }),
          part('compaction', { audio_tokens: Number.MAX_SAFE_INTEGER }),
        ],
      },
      { 'iterations.audio_tokens': 2 },
    ],
  ])('%s', (_name, usage, kept) => {
    expect(unknown(usage)).toEqual(kept);
  });

  test.each<[string, unknown]>([
    ['text', 'sixteen'],
    ['a fraction', 1.5],
    ['a negative number', -1],
    ['more than a count can be', 2 ** 53],
    ['true', true],
    ['null', null],
    ['a list of counts', [1, 2]],
    ['text inside an object', { status: { type: 'redeemed' } }],
    ['something nested deeper than any usage', { a: { b: { c: 1 } } }],
  ])('what is no count is ignored, and does not spoil the rest: %s', (_name, value) => {
    const folded = fold({ ...ok, fallback_credit: value });
    expect(folded.rule).toBe('S1');
    expect(folded.usage).not.toHaveProperty('unknown');
  });

  test.each(['', 'two words', 'a.b', 'Ä', '__proto__', '1st', 'a\u0000', 'x'.repeat(65)])(
    'a name no program would give is ignored: %j',
    (name) => {
      const usage: unknown = JSON.parse(
        `{"input_tokens":25,"output_tokens":15,${JSON.stringify(name)}:7}`,
      );
      expect(fold(usage).usage).not.toHaveProperty('unknown');
    },
  );

  test('at most 32 names are kept, the same ones in whatever order they come', () => {
    const names = Array.from({ length: 100 }, (_, index) => `unit_${index + 100}`);
    const forwards = unknown(Object.fromEntries(names.map((name) => [name, 1])));
    const backwards = unknown(Object.fromEntries(names.toReversed().map((name) => [name, 1])));
    expect(Object.keys(forwards ?? {})).toEqual(names.slice(0, 32));
    expect(backwards).toEqual(forwards);
  });

  test('a usage of many thousand names is looked at for a thousand', () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`n${at}`, -1]));
    expect(unknown({ ...many, audio_tokens: 1 })).toBeUndefined();
  });

  test('of a stream they are running totals like any count', () => {
    const first = start({ ...ok, audio_tokens: 1, frames: 2 });
    const folded = play([first, text, delta({ output_tokens: 15, audio_tokens: 9 }), stop]);
    expect(folded.usage?.unknown).toEqual({ audio_tokens: 9, frames: 2 });
  });
});
