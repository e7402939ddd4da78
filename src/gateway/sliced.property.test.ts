import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nanos, ZERO } from '#kernel/money';
import { MODEL } from '#test/gateway-world';
import { COSTS, slicedWorld } from '#test/sliced-world';
import type { Reading } from './upstream.ts';

const INPUT_TOKENS = 25;

/** Each character is one token, so that the text alone says how many there are. */
const anyText = fc.array(fc.constantFrom('a', '界', '🌍', '"', '\n', 'é', '\\'), {
  minLength: 1,
  maxLength: 60,
});
const anyStream = fc.record({
  texts: fc.array(anyText, { minLength: 10, maxLength: 40 }),
  repeated: fc.integer({ min: 1, max: 60 }),
  pieceBytes: fc.integer({ min: 40, max: 20_000 }),
  balance: fc.integer({ min: 30_000_000, max: 500_000_000 }),
  // What others take and give back whenever this stream asks for more.
  rivals: fc.array(fc.integer({ min: -200_000_000, max: 200_000_000 }), { maxLength: 12 }),
  counts: fc.boolean(),
});
type Scenario = typeof anyStream extends fc.Arbitrary<infer T> ? T : never;

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

/** The bytes, and how many tokens have been delivered once so many of them have. */
function streamOf({ texts, repeated }: Scenario) {
  const usage = { input_tokens: INPUT_TOKENS, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', content: [], model: MODEL };
  let stream = event('message_start', { message: { ...message, stop_reason: null, usage } });
  stream += event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  const marks: { readonly at: number; readonly tokens: number }[] = [];
  let [bytes, tokens] = [Buffer.byteLength(stream), 0];
  for (let round = 0; round < repeated; round++) {
    for (const text of texts) {
      const delta = { type: 'text_delta', text: text.join('') };
      const part = event('content_block_delta', { index: 0, delta });
      stream += part;
      bytes += Buffer.byteLength(part);
      tokens += text.length;
      marks.push({ at: bytes, tokens });
    }
  }
  stream += event('content_block_stop', { index: 0 });
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  stream += event('message_delta', { delta, usage: { output_tokens: tokens } });
  return { bytes: Buffer.from(stream + event('message_stop', {})), marks };
}

function upstreamOf(bytes: Buffer, pieceBytes: number) {
  let [paused, aborted, from] = [false, false, 0];
  let answer: { data(chunk: Buffer): void; end(): void; failed(): void } | undefined;
  function flow(): void {
    if (paused || aborted || answer === undefined) return;
    if (from >= bytes.length) return void answer.end();
    const piece = bytes.subarray(from, from + pieceBytes);
    from += piece.length;
    answer.data(piece);
    setImmediate(flow);
  }
  const reading: Reading = {
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      setImmediate(flow);
    },
    abort() {
      if (aborted) return;
      aborted = true;
      answer?.failed();
    },
  };
  return {
    reading,
    start(to: typeof answer) {
      answer = to;
      flow();
    },
  };
}

async function played(scenario: Scenario) {
  const { bytes, marks } = streamOf(scenario);
  const rivals = [...scenario.rivals];
  let [delivered, uncovered, heldLast] = [0, 0, 0n];
  const world = await slicedWorld({
    balance: BigInt(scenario.balance),
    // Counts as the Messages API does: nearly.
    count: (text) => (scenario.counts ? Math.floor([...text].length * 0.97) : undefined),
    async beforeExtend(charging) {
      await new Promise((resolve) => setImmediate(resolve));
      // Somebody else takes some of what is free, or gives some back.
      const taken = (charging.holds.get('rival') ?? 0n) + BigInt(rivals.shift() ?? 0);
      charging.holds.delete('rival');
      const { available } = charging;
      const rival = taken < 0n ? ZERO : taken > available ? available : taken;
      charging.holds.set('rival', nanos(rival));
      return undefined;
    },
    written(chunk, { charging, requestId }) {
      const held = charging.holds.get(requestId);
      if (held === undefined) return;
      heldLast = held;
      delivered += chunk.length;
      const tokens = marks.findLast((mark) => mark.at <= delivered)?.tokens ?? 0;
      const cost = BigInt(INPUT_TOKENS) * COSTS.input + BigInt(tokens) * COSTS.output;
      if (cost > held || charging.available < 0n) uncovered += 1;
    },
  });
  if (world === undefined) return undefined;
  const { charging, firstHold } = world;
  const upstream = upstreamOf(bytes, scenario.pieceBytes);
  const { answer, over } = world.start(upstream.reading);
  upstream.start(answer);
  await over;
  const { record, cost } = charging.only();
  const { balance } = charging;
  return { uncovered, record, cost, heldLast, balance, extended: heldLast > firstHold };
}

test('H5: whatever the stream, its pieces and the rivals: what is delivered is held for, and paid', async () => {
  let [whole, cut, extended] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(anyStream, async (scenario) => {
      const seen = await played(scenario);
      if (seen === undefined) return true;
      if (seen.record.rule === 'S2') whole++;
      if (seen.record.rule === 'S11') cut++;
      if (seen.extended) extended++;
      const { uncovered, cost, heldLast, balance } = seen;
      return uncovered === 0 && cost <= heldLast && balance >= 0n && cost > 0n;
    }),
    { numRuns: 150, endOnFailure: true },
  );
  expect(whole).toBeGreaterThan(5);
  expect(cut).toBeGreaterThan(5);
  expect(extended).toBeGreaterThan(5);
}, 120_000);
