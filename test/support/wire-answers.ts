import type { ModelUsage } from '#kernel/usage';
import { type Expectation, type Folded, foldMessage, streamFold } from '#metering/fold';
import { sseScanner, UNREAD } from '#metering/sse';

export const opus = 'claude-opus-5';
export const sonnet = 'claude-sonnet-5';
/** What the request allowed: a window of 200,000 on two models, and 1,000 tokens of output. */
export const expectation: Expectation = {
  model: opus,
  outputTokensMax: 1_000,
  contextWindowOf: (model) => (model === opus || model === sonnet ? 200_000 : undefined),
};
/** The smallest usage there is. */
export const ok = { input_tokens: 25, output_tokens: 15 };

type Wire = Readonly<Record<string, unknown>>;

export const message = (usage: unknown, more: Wire = {}): Wire => ({
  type: 'message',
  model: opus,
  content: [{ type: 'text', text: 'Hi' }],
  stop_reason: 'end_turn',
  usage,
  ...more,
});

export const fold = (usage: unknown, more: Wire = {}): Folded =>
  foldMessage(message(usage, more), expectation);

/** One entry of `usage.iterations`. */
export const part = (type: string, more: Wire = {}): Wire => ({ type, ...ok, ...more });

/** An attempt as it should be recorded. */
export const attempt = (counts: Partial<ModelUsage>): ModelUsage => ({
  model: opus,
  kind: 'message',
  billed: true,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  ...counts,
});

export type Event = readonly [type: string, data?: unknown];

export const start = (usage: unknown = { input_tokens: 25, output_tokens: 1 }): Event => [
  'message_start',
  { type: 'message_start', message: message(usage, { content: [], stop_reason: null }) },
];
export const block = (content_block: unknown): Event => [
  'content_block_start',
  { type: 'content_block_start', index: 0, content_block },
];
export const text: Event = ['content_block_delta', null];
export const delta = (usage: unknown, stop_reason: string | null = 'end_turn'): Event => [
  'message_delta',
  { type: 'message_delta', delta: { stop_reason }, usage },
];
export const stop: Event = ['message_stop', { type: 'message_stop' }];
export const error: Event = ['error', { type: 'error', error: { type: 'overloaded_error' } }];
export const ping: Event = ['ping', { type: 'ping' }];

export function play(
  events: readonly Event[],
  how: 'complete' | 'truncated' = 'complete',
  allowed: Expectation = expectation,
): Folded {
  const stream = streamFold(allowed);
  for (const [type, data] of events) stream.event(type, data);
  return stream.end(how);
}

const isWire = (value: unknown): value is Wire =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The deltas say everything again but these, which only a start can. */
const START_ONLY = ['cache_creation', 'service_tier', 'inference_geo', 'speed'];

/** The same answer as a stream: what was known at its start, its blocks, and then the rest. */
export function streamOf(answer: Wire): Event[] {
  const { usage, content, stop_reason: stopReason } = answer;
  const first = isWire(usage) ? { ...usage, output_tokens: 1, iterations: null } : usage;
  const opening = { ...answer, content: [], stop_reason: null, usage: first };
  const total = isWire(usage)
    ? Object.fromEntries(Object.entries(usage).filter(([name]) => !START_ONLY.includes(name)))
    : usage;
  const blocks = Array.isArray(content) ? content.flatMap(blockEvents) : [];
  return [
    ['message_start', { type: 'message_start', message: opening }],
    ...blocks,
    ['message_delta', { type: 'message_delta', delta: { stop_reason: stopReason }, usage: total }],
    stop,
  ];
}

/** Text and thinking come in pieces; any other block comes whole. */
function blockEvents(whole: unknown): Event[] {
  const end: Event = ['content_block_stop', { type: 'content_block_stop', index: 0 }];
  const name = isWire(whole) && (whole.type === 'text' || whole.type === 'thinking') && whole.type;
  if (!isWire(whole) || name === false) return [block(whole), end];
  const piece: Event = [
    'content_block_delta',
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: `${name}_delta`, [name]: whole[name] },
    },
  ];
  return [block({ ...whole, [name]: '' }), ...(whole[name] === '' ? [] : [piece]), end];
}

export const sse = (events: readonly Event[]): Buffer =>
  Buffer.from(
    events.map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join(''),
  );

/** Folds the bytes of a stream, cut where `cuts` say. */
export function foldBytes(bytes: Buffer, cuts: readonly number[]): Folded {
  const stream = streamFold(expectation);
  const scanner = sseScanner((type, data) => {
    stream.event(type, data === UNREAD ? null : JSON.parse(data));
  });
  const marks = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  for (const [index, from] of [0, ...marks].entries()) {
    scanner.push(bytes.subarray(from, marks[index] ?? bytes.length));
  }
  return stream.end('complete');
}
