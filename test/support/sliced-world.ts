import Fastify from 'fastify';
import type { ExtendOutcome } from '#charging/commands';
import type { AdmittedCall } from '#gateway/admit';
import type { Audience } from '#gateway/audience';
import { quarantineBreaker } from '#gateway/breaker';
import type { AnswerInProgress, Desk } from '#gateway/desk';
import { begin } from '#gateway/hold-rungs';
import { PUMP_LIMITS, pumps } from '#gateway/pumps';
import { settlements } from '#gateway/settlement';
import { slicedAnswer } from '#gateway/sliced';
import type { Reading, Upstream } from '#gateway/upstream';
import { newId, type RequestId } from '#kernel/ids';
import { boundHold } from '#pricing/bound';
import { bundledBook } from '#pricing/bundled-book';
import { LIST_PRICES } from '#pricing/rate-tables';
import { slicesOf } from '#pricing/slice';
import { systemClock, systemEntropy } from '#src/system';
import { MemoryCharging, MODEL } from '#test/gateway-world';

/** In nano-USD a token, of the model that `SLICED_BODY` asks for. */
export const COSTS = { input: 5_000n, output: 25_000n };
const SLICED_BODY = {
  ...{ model: MODEL, max_tokens: 64_000, stream: true },
  ...{ thinking: { type: 'disabled' }, inference_geo: 'global' },
};
const AT = new Date('2026-11-21T12:00:00Z');
const book = bundledBook();
const { log } = Fastify({ logger: false });

export interface SlicedWorld {
  readonly charging: MemoryCharging;
  readonly requestId: RequestId;
  readonly firstHold: bigint;
  /** Begins the answer, as if the upstream had sent its head; resolves `over` when it has ended. */
  start(reading: Reading): { readonly answer: AnswerInProgress; readonly over: Promise<void> };
}

export interface SlicedOptions {
  readonly balance: bigint;
  /** How many tokens the upstream says a text is; undefined: it does not say. */
  readonly count: (text: string) => number | undefined;
  /** Comes before the ledger; undefined lets it answer. */
  readonly beforeExtend: (charging: MemoryCharging) => Promise<ExtendOutcome | undefined>;
  readonly written: (chunk: Buffer, world: SlicedWorld) => void;
  readonly endedBy?: (how: 'end' | 'break') => void;
  /** Where settlements cannot be booked at once: as the journal answers. */
  readonly journaled?: boolean;
}

/** One stream of which less is held than it can cost, without a server; undefined if it is not let in. */
export async function slicedWorld(options: SlicedOptions): Promise<SlicedWorld | undefined> {
  const charging = new MemoryCharging(options.balance);
  const requestId = newId('request', systemEntropy);
  const caller = {
    organizationId: newId('organization', systemEntropy),
    workspaceId: newId('workspace', systemEntropy),
    apiKeyId: newId('apiKey', systemEntropy),
    kind: 'workspace',
    holdPolicy: 'auto',
  } as const;
  const bound = boundHold(book, SLICED_BODY, 200, AT);
  if (bound.outcome !== 'bounded') throw new Error(bound.outcome);
  const begun = await begin(
    {
      start: 'full_or_slice',
      full: bound.amount,
      slices: () => slicesOf(book, SLICED_BODY, 200, AT, LIST_PRICES, 0, bound.amount),
    },
    (amount) => charging.hold({ ...caller, requestId, amount }),
  );
  const { slices } = begun;
  if (begun.answer.outcome !== 'held' || slices === undefined) return undefined;
  const call: AdmittedCall = {
    ...{ caller, requestId, model: MODEL, hold: begun.amount, slices, at: AT },
    ...{ outputTokensMax: SLICED_BODY.max_tokens, prices: { book, terms: [] } },
    body: Buffer.alloc(0),
  };
  const desk = deskOf(charging, options);
  const world: SlicedWorld = {
    ...{ charging, requestId, firstHold: begun.amount },
    start(reading) {
      const client = clientOf((chunk) => options.written(chunk, world), options.endedBy);
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const exchange = { call, client, retryOf: null };
      return { answer: slicedAnswer(desk, exchange, slices, {}, reading, resolve), over };
    },
  };
  return world;
}

function deskOf(charging: MemoryCharging, options: SlicedOptions): Desk {
  const { beforeExtend, journaled = false } = options;
  return {
    upstream: counting(options.count),
    settlements: settlements({
      async settle(command) {
        const outcome = await charging.settle(command);
        return journaled ? { outcome: 'journaled' } : outcome;
      },
      ...{ clock: systemClock, patienceMs: 1_000, onTrouble: () => {} },
    }),
    pumps: pumps(PUMP_LIMITS),
    breaker: quarantineBreaker(systemClock),
    ...{ brand: undefined, log, clock: systemClock, patienceMs: 1_000, billingUrl: 'http://b/' },
    extend: async (command) => (await beforeExtend(charging)) ?? (await charging.extend(command)),
  };
}

const counting = (count: SlicedOptions['count']): Upstream => ({
  call(call, sink) {
    queueMicrotask(() => {
      const [message] = JSON.parse(call.body.toString()).messages;
      const tokens = count(message.content);
      const reading = { pause() {}, resume() {}, abort() {} };
      const answer = sink.start(tokens === undefined ? 500 : 200, {}, reading);
      answer.data(Buffer.from(JSON.stringify({ input_tokens: tokens })));
      answer.end();
    });
    return () => {};
  },
  close: async () => {},
});

const clientOf = (
  written: (chunk: Buffer) => void,
  ended: SlicedOptions['endedBy'] = () => {},
): Audience => ({
  ...{ gone: false, joinable: false, deserted: false, joined: false },
  onGone() {},
  onReturn() {},
  join() {},
  send() {},
  begin() {},
  write: (chunk) => written(Buffer.from(chunk)),
  end: () => ended('end'),
  breakOff: () => ended('break'),
});
