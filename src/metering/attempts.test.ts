import { describe, expect, test } from 'vitest';
import type { ModelUsage } from '#kernel/usage';
import {
  attempt,
  delta,
  fold,
  ok,
  opus,
  part,
  play,
  sonnet,
  start,
  stop,
  text,
} from '#test/wire-answers';

const counts = { inputTokens: 25, outputTokens: 15 };
const silent = { output_tokens: 0 };

describe('S5: every attempt is recorded, with its kind, its model and whether it is charged', () => {
  test.each<[string, object[], string, Partial<ModelUsage>[]]>([
    ['one attempt', [part('message')], opus, [counts]],
    [
      'compaction, the answer, advice',
      [part('compaction'), part('message'), part('advisor_message', { model: sonnet })],
      opus,
      [
        { ...counts, kind: 'compaction' },
        counts,
        { ...counts, kind: 'advisor_message', model: sonnet },
      ],
    ],
    [
      'F48: a hop that declined without output is free',
      [part('message', silent), part('fallback_message', { model: sonnet })],
      sonnet,
      [
        { inputTokens: 25, billed: false },
        { ...counts, kind: 'fallback_message', model: sonnet },
      ],
    ],
    [
      'F48: one that declined after output is not',
      [part('message'), part('fallback_message', { model: sonnet })],
      sonnet,
      [counts, { ...counts, kind: 'fallback_message', model: sonnet }],
    ],
    [
      'F48: two hops declined before the third answered',
      [
        part('message', silent),
        part('fallback_message', { model: sonnet, ...silent }),
        part('fallback_message', { model: opus }),
      ],
      opus,
      [
        { inputTokens: 25, billed: false },
        { inputTokens: 25, billed: false, kind: 'fallback_message', model: sonnet },
        { ...counts, kind: 'fallback_message' },
      ],
    ],
    [
      'F48: a sticky fallback is charged at the model that answered',
      [part('fallback_message', { model: sonnet })],
      sonnet,
      [{ ...counts, kind: 'fallback_message', model: sonnet }],
    ],
    [
      'compaction before a declined hop was work that was done',
      [
        part('compaction', silent),
        part('message', silent),
        part('fallback_message', { model: sonnet }),
      ],
      sonnet,
      [
        { inputTokens: 25, kind: 'compaction' },
        { inputTokens: 25, billed: false },
        { ...counts, kind: 'fallback_message', model: sonnet },
      ],
    ],
    [
      'an answer without output that nothing follows is charged its input',
      [part('message', silent)],
      opus,
      [{ inputTokens: 25 }],
    ],
    [
      'F36: an unknown type is charged at the model it names',
      [part('message'), part('dream', { model: sonnet })],
      opus,
      [counts, { ...counts, kind: 'other', model: sonnet }],
    ],
    [
      'F36: so is a type that is no text',
      [part('message'), { type: 7, model: sonnet, ...ok }],
      opus,
      [counts, { ...counts, kind: 'other', model: sonnet }],
    ],
  ])('%s', (_name, iterations, model, attempts) => {
    // The top level covers the answering attempt only, and is not added.
    const usage = { input_tokens: 1, output_tokens: 1, iterations };
    const folded = fold(usage, { model });
    expect(folded).toMatchObject({ rule: 'S1', chargeable: true, model });
    expect(folded.usage?.iterations).toEqual(attempts.map(attempt));
  });

  test('what names no model has that of the request before a fallback, of the answer after it', () => {
    const models = (iterations: object[], served: string) =>
      fold({ ...ok, iterations }, { model: served }).usage?.iterations.map(({ model }) => model);
    const [asks, compacts] = [part('message', silent), part('compaction')];
    const answers = part('fallback_message', { model: sonnet });
    expect(models([asks, compacts, answers], sonnet)).toEqual([opus, opus, sonnet]);
    expect(models([compacts, asks, answers], sonnet)).toEqual([opus, opus, sonnet]);
    expect(models([asks, answers, compacts], sonnet)).toEqual([opus, sonnet, sonnet]);
    const advises = part('advisor_message', { model: sonnet });
    expect(models([compacts, advises, part('message')], opus)).toEqual([opus, sonnet, opus]);
    expect(models([part('compaction', { model: sonnet }), asks], opus)).toEqual([sonnet, opus]);
  });

  test('cache writes of each attempt are split as those of a whole answer (S16)', () => {
    const cached = part('message', {
      cache_read_input_tokens: 7,
      cache_creation_input_tokens: 9,
      cache_creation: { ephemeral_1h_input_tokens: 5 },
    });
    const folded = fold({ ...ok, iterations: [cached] });
    const cache = { cacheReadTokens: 7, cacheWrite5mTokens: 4, cacheWrite1hTokens: 5 };
    expect(folded.usage?.iterations).toEqual([attempt({ ...counts, ...cache })]);
  });

  test.each([[null], [[]]])('without any (%j) the top level is the answer', (iterations) => {
    expect(fold({ ...ok, iterations }).usage?.iterations).toEqual([attempt(counts)]);
  });

  test('a refusal after output that a last, silent fallback declined too is charged without it', () => {
    const iterations = [part('message'), part('fallback_message', { model: sonnet, ...silent })];
    const folded = fold({ ...ok, iterations }, { model: sonnet, stop_reason: 'refusal' });
    expect(folded.rule).toBe('S4');
    expect(folded.usage?.iterations.map(({ billed }) => billed)).toEqual([true, false]);
  });

  test('a refusal after output is charged its input, though it counts no output', () => {
    const folded = fold(
      { ...ok, iterations: [part('message', silent)] },
      { stop_reason: 'refusal' },
    );
    expect(folded.rule).toBe('S4');
    expect(folded.usage?.iterations).toEqual([attempt({ inputTokens: 25 })]);
  });

  test('a refusal before any output makes every attempt free (S3)', () => {
    const iterations = [part('compaction'), part('message')];
    const folded = fold({ ...ok, iterations }, { content: [], stop_reason: 'refusal' });
    expect(folded.rule).toBe('S3');
    expect(folded.usage?.iterations.map(({ billed }) => billed)).toEqual([false, false]);
  });

  test('a free attempt needs no price, a charged one does (F37)', () => {
    const answer = part('fallback_message', { model: sonnet });
    const gone = part('message', { model: 'claude-gone', ...silent });
    expect(fold({ ...ok, iterations: [gone, answer] }, { model: sonnet }).rule).toBe('S1');
    const spoke = part('message', { model: 'claude-gone' });
    expect(fold({ ...ok, iterations: [spoke, answer] }, { model: sonnet }).rule).toBe('S12');
  });

  test('those of the final event of a stream decide, each at its model', () => {
    const iterations = [
      part('message', { model: opus, ...silent }),
      part('fallback_message', { model: sonnet }),
    ];
    const folded = play([start(), text, delta({ output_tokens: 15, iterations }), stop]);
    expect(folded.usage?.iterations).toEqual([
      attempt({ inputTokens: 25, billed: false }),
      attempt({ ...counts, kind: 'fallback_message', model: sonnet }),
    ]);
  });
});

describe('S12: one attempt that cannot be believed makes all of it unbelievable', () => {
  test.each<[string, unknown]>([
    ['no list', { message: ok }],
    ['an entry that is no object', [part('message'), null]],
    ['F30: an entry without output', [{ type: 'message', input_tokens: 1 }]],
    ['F31: a negative count', [part('message'), part('compaction', { output_tokens: -15 })]],
    [
      'F31: a declined hop with a broken count',
      [
        part('message', { input_tokens: -25, ...silent }),
        part('fallback_message', { model: sonnet }),
      ],
    ],
    ['F34: an attempt above its window', [part('message', { input_tokens: 200_001 })]],
    ['F34: an answer above max_tokens', [part('message', { output_tokens: 1_001 })]],
    [
      'F34: a fallback above max_tokens',
      [part('fallback_message', { model: sonnet, output_tokens: 1_001 })],
    ],
    [
      'F34: advice above a window',
      [part('advisor_message', { model: sonnet, output_tokens: 200_001 })],
    ],
    [
      'F34: more attempts than an answer can have',
      Array.from({ length: 1_001 }, () => part('message')),
    ],
    ['F36: an unknown type without a model', [part('dream')]],
    ['F36: an unknown type at an unknown model', [part('dream', { model: 'nobody' })]],
    [
      'F37: advice of an unknown model',
      [part('message'), part('advisor_message', { model: 'nobody' })],
    ],
    ['advice without a model', [part('message'), part('advisor_message')]],
    ['a fallback without a model', [part('fallback_message')]],
    ['a name that cannot be stored', [part('message', { model: 'a\u0000b' })]],
    ['a name that is no text', [part('message', { model: 7 })]],
    ['an empty name', [part('message', { model: '' })]],
  ])('%s', (_name, iterations) => {
    expect(fold({ ...ok, iterations })).toMatchObject({
      rule: 'S12',
      chargeable: false,
      usage: null,
    });
  });

  test('advice and compaction may be longer than the answer may be', () => {
    const long = { output_tokens: 5_000 };
    const iterations = [
      part('compaction', long),
      part('message'),
      part('advisor_message', { model: sonnet, ...long }),
    ];
    expect(fold({ ...ok, iterations }).rule).toBe('S1');
  });
});
