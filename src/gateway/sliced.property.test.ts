import fc from 'fast-check';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { nanos, ZERO } from '#kernel/money';
import { boundHold } from '#pricing/bound';
import { bundledBook } from '#pricing/bundled-book';
import { LIST_PRICES } from '#pricing/rate-tables';
import { slicesOf } from '#pricing/slice';
import { systemClock, systemEntropy } from '#src/system';
import { MemoryCharging, MODEL } from '#test/gateway-world';
import type { AdmittedCall } from './admit.ts';
import type { Audience } from './audience.ts';
import { quarantineBreaker } from './breaker.ts';
import type { Desk } from './desk.ts';
import { begin } from './hold-rungs.ts';
import { PUMP_LIMITS, pumps } from './pumps.ts';
import { settlements } from './settlement.ts';
import { slicedAnswer } from './sliced.ts';
import type { Reading, Upstream } from './upstream.ts';

const INPUT_TOKENS = 25;
const COSTS = { input: 5_000n, output: 25_000n };
const book = bundledBook();
const body = {
  ...{ model: MODEL, max_tokens: 64_000, stream: true },
  ...{ thinking: { type: 'disabled' }, inference_geo: 'global' },
};
const at = new Date('2026-11-21T12:00:00Z');
const { log } = Fastify({ logger: false });

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

/** Counts as the Messages API does: nearly. */
const counting = (counts: boolean): Upstream => ({
  call(call, sink) {
    queueMicrotask(() => {
      const [message] = JSON.parse(call.body.toString()).messages;
      const tokens = Math.floor([...message.content].length * 0.97);
      const reading = { pause() {}, resume() {}, abort() {} };
      const answer = sink.start(counts ? 200 : 500, {}, reading);
      answer.data(Buffer.from(JSON.stringify({ input_tokens: tokens })));
      answer.end();
    });
    return () => {};
  },
  close: async () => {},
});

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
  const charging = new MemoryCharging(BigInt(scenario.balance));
  const requestId = newId('request', systemEntropy);
  const caller = {
    organizationId: newId('organization', systemEntropy),
    workspaceId: newId('workspace', systemEntropy),
    apiKeyId: newId('apiKey', systemEntropy),
    kind: 'workspace',
    holdPolicy: 'auto',
  } as const;
  const bound = boundHold(book, body, 200, at);
  if (bound.outcome !== 'bounded') throw new Error(bound.outcome);
  const begun = await begin(
    {
      start: 'full_or_slice',
      full: bound.amount,
      slices: () => slicesOf(book, body, 200, at, LIST_PRICES, 0, bound.amount),
    },
    (amount) => charging.hold({ ...caller, requestId, amount }),
  );
  const { slices } = begun;
  if (begun.answer.outcome !== 'held' || slices === undefined) return undefined;
  const call: AdmittedCall = {
    ...{ caller, requestId, model: MODEL, hold: begun.amount, slices, at },
    ...{ outputTokensMax: body.max_tokens, prices: { book, terms: [] }, body: bytes },
  };
  const rivals = [...scenario.rivals];
  const extend = charging.extend.bind(charging);
  const desk: Desk = {
    upstream: counting(scenario.counts),
    settlements: settlements({
      settle: (command) => charging.settle(command),
      ...{ clock: systemClock, patienceMs: 1_000, onTrouble: () => {} },
    }),
    pumps: pumps(PUMP_LIMITS),
    breaker: quarantineBreaker(systemClock),
    ...{ brand: undefined, log, clock: systemClock, patienceMs: 1_000, billingUrl: 'http://b/' },
    async extend(command) {
      await new Promise((resolve) => setImmediate(resolve));
      // Somebody else takes some of what is free, or gives some back.
      const taken = (charging.holds.get('rival') ?? 0n) + BigInt(rivals.shift() ?? 0);
      charging.holds.delete('rival');
      const { available } = charging;
      const rival = taken < 0n ? ZERO : taken > available ? available : taken;
      charging.holds.set('rival', nanos(rival));
      return extend(command);
    },
  };
  let [delivered, uncovered, heldLast] = [0, 0, BigInt(begun.amount)];
  const client: Audience = {
    ...{ gone: false, joinable: false, deserted: false, joined: false },
    onGone() {},
    onReturn() {},
    join() {},
    send() {},
    begin() {},
    write(chunk) {
      const held = charging.holds.get(requestId);
      if (held === undefined) return;
      heldLast = held;
      delivered += chunk.length;
      const tokens = marks.findLast((mark) => mark.at <= delivered)?.tokens ?? 0;
      const cost = BigInt(INPUT_TOKENS) * COSTS.input + BigInt(tokens) * COSTS.output;
      if (cost > held || charging.available < 0n) uncovered += 1;
    },
    end() {},
    breakOff() {},
  };
  const upstream = upstreamOf(bytes, scenario.pieceBytes);
  await new Promise<void>((done) => {
    const exchange = { call, client, retryOf: null };
    upstream.start(slicedAnswer(desk, exchange, slices, {}, upstream.reading, done));
  });
  const { record, cost } = charging.only();
  return {
    uncovered,
    record,
    cost,
    heldLast,
    balance: charging.balance,
    extended: heldLast > begun.amount,
  };
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
