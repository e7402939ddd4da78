import { expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { bundledBook } from '#pricing/bundled-book';
import type { Slices } from '#pricing/slice';
import { systemEntropy } from '#src/system';
import { MODEL } from '#test/gateway-world';
import type { AdmittedCall } from './admit.ts';
import { streamMeter } from './stream-meter.ts';

const slices: Slices = {
  fixed: nanos(0n),
  perToken: { numerator: 1n, denominator: 1n },
  hiddenTokens: 5_000,
  full: nanos(1_000_000n),
};
const call: AdmittedCall = {
  caller: {
    organizationId: newId('organization', systemEntropy),
    workspaceId: newId('workspace', systemEntropy),
    apiKeyId: newId('apiKey', systemEntropy),
    kind: 'workspace',
    holdPolicy: 'auto',
  },
  requestId: newId('request', systemEntropy),
  model: MODEL,
  hold: nanos(1n),
  slices,
  outputTokensMax: 64_000,
  at: new Date('2026-11-21T12:00:00Z'),
  prices: { book: bundledBook(), terms: [] },
  body: Buffer.alloc(0),
};

const event = (type: string, fields: object) =>
  Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
const delta = (type: string, fields: object) =>
  event('content_block_delta', { index: 0, delta: { type, ...fields } });
const usage = { input_tokens: 10, output_tokens: 1 };
const opening = (model = MODEL) => [
  event('message_start', { message: { type: 'message', model, usage } }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
];

function begun(model?: string) {
  const meter = streamMeter(call, slices);
  for (const piece of opening(model)) meter.read(piece);
  const before = meter.outputTokens;
  return { meter, grown: () => meter.outputTokens - before };
}

test('a byte of text may be a token, a frame is none', () => {
  const { meter, grown } = begun();
  meter.read(delta('text_delta', { text: 'x'.repeat(3_000) }));
  expect(grown()).toBeGreaterThanOrEqual(3_000);
  expect(grown()).toBeLessThan(3_010);
  expect(meter.read(event('ping', {}))).toBe(nanos(BigInt(meter.outputTokens + 5_000)));
});

test('a signature stands for thinking that is held for, and counts only beyond that', () => {
  const { meter, grown } = begun();
  meter.read(delta('signature_delta', { signature: 's'.repeat(4_000) }));
  expect(grown()).toBeLessThan(40);
  meter.read(delta('signature_delta', { signature: 's'.repeat(4_000) }));
  expect(grown()).toBeGreaterThanOrEqual(3_000);
});

test('what was counted is counted once, with a margin, by the model that answers', async () => {
  const { meter, grown } = begun('claude-served');
  const asked: [string, number][] = [];
  const count = async (model: string, text: string) => {
    asked.push([model, text.length]);
    return text.length / 4;
  };
  meter.read(delta('text_delta', { text: 'x'.repeat(2_000) }));
  meter.read(delta('input_json_delta', { partial_json: 'y'.repeat(2_000) }));
  expect(await meter.recount(count)).toEqual({
    needed: BigInt(meter.outputTokens + 5_000),
    before: { tokens: 500, bytes: 2_000 },
    last: { tokens: 500, bytes: 2_000 },
  });
  // A quarter, and a sixteenth of it.
  expect(grown()).toBeGreaterThanOrEqual(1_063);
  expect(grown()).toBeLessThan(1_110);
  expect(await meter.recount(count)).toBeUndefined();
  meter.read(delta('text_delta', { text: 'z'.repeat(1_023) }));
  expect(await meter.recount(count)).toBeUndefined();
  expect(asked).toEqual([['claude-served', 4_000]]);
});

test.each([undefined, 9_999_999])('a count of %s is none', async (count) => {
  const { meter, grown } = begun();
  meter.read(delta('text_delta', { text: 'x'.repeat(2_000) }));
  const before = grown();
  expect(await meter.recount(async () => count)).toBeUndefined();
  expect(grown()).toBe(before);
});

test('a text of as many tokens as bytes is counted, and needs no less for it', async () => {
  const { meter, grown } = begun();
  const needed = meter.read(delta('text_delta', { text: 'x'.repeat(2_000) }));
  const before = grown();
  // With those of the message around it.
  expect(await meter.recount(async () => 2_008)).toMatchObject({
    needed,
    last: { tokens: 2_000, bytes: 2_000 },
  });
  expect(grown()).toBe(before);
});

test('what is counted is told apart: what passed before, and what was read last', async () => {
  const { meter } = begun();
  meter.read(delta('text_delta', { text: '"'.repeat(1_500) }));
  meter.read(delta('text_delta', { text: 'y'.repeat(500) }));
  expect(await meter.recount(async () => 1_000)).toMatchObject({
    before: { tokens: 750, bytes: 3_000 },
    last: { tokens: 250, bytes: 500 },
  });
});

test('S7, S8: by which rule it would end is known from what was read, passed or not', () => {
  const { meter } = begun();
  meter.read(delta('text_delta', { text: 'x' }));
  expect([meter.rule(), meter.failed]).toEqual(['S8', false]);
  meter.skip(event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }));
  expect([meter.rule(), meter.failed]).toEqual(['S7', true]);
  const whole = begun().meter;
  whole.skip(delta('text_delta', { text: 'x' }));
  const why = { stop_reason: 'end_turn', stop_sequence: null };
  whole.skip(event('message_delta', { delta: why, usage: { output_tokens: 1 } }));
  expect(whole.rule()).toBe('S9');
});

test('once it has said why it stopped, it needs what it cost', () => {
  const { meter } = begun();
  meter.read(delta('text_delta', { text: 'x'.repeat(2_000) }));
  expect(meter.finished).toBe(false);
  const why = { stop_reason: 'end_turn', stop_sequence: null };
  const end = event('message_delta', { delta: why, usage: { output_tokens: 400 } });
  // Opus 5: $5 and $25 a million.
  expect(meter.read(end)).toBe(10n * 5_000n + 400n * 25_000n);
  expect(meter.finished).toBe(true);
  expect(meter.read(event('message_stop', {}))).toBe(10n * 5_000n + 400n * 25_000n);
});
