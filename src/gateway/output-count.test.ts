import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sseScanner } from '#metering/sse';
import { outputCounter } from './output-count.ts';

const event = (type: string, fields: object, spaced: boolean) => {
  const [blank, data] = [spaced ? ' ' : '', JSON.stringify({ type, ...fields })];
  return `event:${blank}${type}\ndata:${blank}${data}\n\n`;
};
const opening = event('message_start', { message: { usage: { input_tokens: 9 } } }, true);

/** Tokens as short and as odd as they come, and texts that pretend to be frames. */
const anyToken = fc.oneof(
  fc.constantFrom('a', '1', ' ', '\n', '"', '\\', 'é', '界', '🌍', 'event: content_block_delta'),
  fc.constantFrom('\n\nevent: content_block_delta\ndata: {}\n\n', 'event: message_delta', ' the'),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const anyDelta = fc.record({
  kind: fc.constantFrom(
    ['text_delta', 'text'] as const,
    ['input_json_delta', 'partial_json'] as const,
    ['thinking_delta', 'thinking'] as const,
  ),
  tokens: fc.array(anyToken, { minLength: 1, maxLength: 30 }),
});
const anyStream = fc.record({
  blocks: fc.array(fc.array(anyDelta, { maxLength: 8 }), { maxLength: 4 }),
  spaced: fc.boolean(),
  pieceBytes: fc.integer({ min: 1, max: 400 }),
});

test('H5: at every byte of a stream, no more tokens have passed than are counted', () => {
  fc.assert(
    fc.property(anyStream, ({ blocks, spaced, pieceBytes }) => {
      // How many tokens have passed once so many bytes have.
      const marks: { readonly at: number; readonly tokens: number }[] = [];
      let [text, tokens] = [opening, 0];
      const add = (part: string, more: number) => {
        text += part;
        tokens += more;
        marks.push({ at: Buffer.byteLength(text), tokens });
      };
      for (const [index, deltas] of blocks.entries()) {
        // The marks around a block are tokens that have no text.
        add(event('content_block_start', { index, content_block: { type: 'text' } }, spaced), 2);
        for (const { kind, tokens: some } of deltas) {
          const [type, field] = kind;
          const delta = { type, [field]: some.join('') };
          add(event('content_block_delta', { index, delta }, spaced), some.length);
        }
        add(event('content_block_stop', { index }, spaced), 1);
      }
      const output = outputCounter();
      const scanner = sseScanner((type) => output.event(type));
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        scanner.push(piece);
        output.count(piece);
        const passed = marks.findLast((mark) => mark.at <= at + piece.length)?.tokens ?? 0;
        if (output.tokensMax() < passed) return false;
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
});

test('prose is counted as four bytes a token, and a frame as none', () => {
  const output = outputCounter();
  const scanner = sseScanner((type) => output.event(type));
  const delta = (text: string) =>
    Buffer.from(
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }, true),
    );
  for (let times = 0; times < 100; times++) {
    const piece = delta('four bytes a token, more or less');
    scanner.push(piece);
    output.count(piece);
  }
  expect(output.tokensLikely()).toBeGreaterThan(700);
  expect(output.tokensLikely()).toBeLessThanOrEqual(800);
  expect(output.tokensMax()).toBeGreaterThanOrEqual(3_200);
  expect(output.tokensMax()).toBeLessThan(3_500);
});

test('a text that looks like frames is counted like any other', () => {
  const fake = 'event: content_block_delta '.repeat(100);
  const output = outputCounter();
  const scanner = sseScanner((type) => output.event(type));
  const delta = { type: 'text_delta', text: fake };
  const piece = Buffer.from(event('content_block_delta', { index: 0, delta }, true));
  scanner.push(piece);
  output.count(piece);
  expect(output.tokensMax()).toBeGreaterThanOrEqual(fake.length);
  expect(output.tokensLikely()).toBeGreaterThanOrEqual(Math.floor(fake.length / 4) - 1);
});

describe('S11: what is charged of an answer that never says how much it was', () => {
  const delta = (text: string) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }, true);
  const said = (usage: object) => event('message_delta', { delta: {}, usage }, true);
  function counterOf(...pieces: readonly string[]) {
    const output = outputCounter();
    const scanner = sseScanner((type, data) =>
      output.event(type, typeof data === 'string' ? JSON.parse(data) : null),
    );
    function pass(piece: string): void {
      scanner.push(Buffer.from(piece));
      output.count(Buffer.from(piece));
    }
    const begun = event('content_block_start', { index: 0, content_block: {} }, true);
    for (const piece of [opening, begun, ...pieces]) pass(piece);
    return { output, pass };
  }
  const [prose, more] = [delta('x'.repeat(400)), delta('y'.repeat(800))];

  test.each<[string, readonly string[], number, number]>([
    ['a quarter of its bytes, if nothing is known', [prose, more], 290, 310],
    [
      'what the upstream has said so far',
      [prose, more, said({ output_tokens: 7_000 })],
      7_000,
      7_000,
    ],
    ['and a quarter of the bytes since', [prose, said({ output_tokens: 50 }), more], 245, 255],
    ['the last that it said', [said({ output_tokens: 9 }), said({ output_tokens: 30 })], 30, 30],
    ['a zero is a value', [prose, said({ output_tokens: 0 })], 0, 0],
    [
      'nothing else is',
      [prose, said({ output_tokens: -1 }), said({}), said({ output_tokens: 1.5 })],
      95,
      190,
    ],
  ])('%s', (_what, pieces, least, most) => {
    const tokens = counterOf(...pieces).output.tokensLikely();
    expect(tokens).toBeGreaterThanOrEqual(least);
    expect(tokens).toBeLessThanOrEqual(most);
  });

  test('what was counted replaces the estimate of those bytes, and of no others', () => {
    const { output, pass } = counterOf(prose, more);
    const before = output.tokensLikely();
    output.known({ tokens: 350, bytes: 800 });
    expect(output.tokensLikely()).toBe(before - 200 + 350);
    output.known({ tokens: 0, bytes: 400 });
    expect(output.tokensLikely()).toBe(350);
    pass(prose);
    expect(output.tokensLikely()).toBeGreaterThanOrEqual(350 + 95);
    pass(said({ output_tokens: 600 }));
    expect(output.tokensLikely()).toBe(600);
  });

  test('F34: more than was allowed says nothing', () => {
    const output = outputCounter(64_000);
    for (const [tokens, likely] of [
      [64_000, 64_000],
      [64_001, 64_000],
      [9_007_199_254_740_991, 64_000],
      [63_999, 63_999],
    ] as const) {
      output.event('message_delta', { usage: { output_tokens: tokens } });
      output.count(Buffer.alloc(0));
      expect(output.tokensLikely()).toBe(likely);
    }
  });

  test('more bytes than passed are never taken off', () => {
    const { output } = counterOf(prose);
    output.known({ tokens: 10, bytes: 1_000_000 });
    expect(output.tokensLikely()).toBe(10);
  });
});
