import { expect, test } from 'vitest';
import { estimatedUsage } from './estimate.ts';
import { type Folded, streamFold } from './fold.ts';

const MODEL = 'claude-opus-5';

/** A stream that broke off after these events. */
function cut(...events: readonly (readonly [type: string, data: object])[]): Folded {
  const fold = streamFold();
  for (const [type, data] of events) fold.event(type, { type, ...data });
  return fold.end('truncated');
}

const start = (usage: object) =>
  ['message_start', { message: { type: 'message', model: MODEL, usage } }] as const;
const text = ['content_block_delta', { delta: { type: 'text_delta', text: 'word' } }] as const;
const known = { input_tokens: 25, output_tokens: 3 };

const outputs = (folded: Folded, counted: number) =>
  estimatedUsage(folded, counted)?.iterations.map(({ outputTokens }) => outputTokens);

test('S11: the output is what was counted, and no less than what was said', () => {
  const folded = cut(start(known), text);
  expect(outputs(folded, 200)).toEqual([200]);
  expect(outputs(folded, 2)).toEqual([3]);
  expect(estimatedUsage(folded, 200)?.iterations[0]?.inputTokens).toBe(25);
});

test('S11: of several attempts the last one at the answer has the output', () => {
  const attempt = (type: string, model: string) => ({ type, model, ...known });
  const iterations = [
    { ...attempt('message', MODEL), output_tokens: 0 },
    attempt('fallback_message', 'claude-sonnet-5'),
    attempt('compaction', MODEL),
  ];
  expect(outputs(cut(start({ ...known, iterations }), text), 40)).toEqual([0, 40, 3]);
});

test('what had said how it ended, or failed, is not estimated', () => {
  const end = ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: known }] as const;
  const failed = ['error', { error: { type: 'overloaded_error' } }] as const;
  for (const last of [end, failed]) {
    expect(estimatedUsage(cut(start(known), text, last), 200)).toBeUndefined();
  }
});

test('of what said nothing nothing is known', () => {
  expect(estimatedUsage(cut(), 200)).toBeNull();
});
