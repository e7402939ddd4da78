import type { Asking } from '#test/gateway-world';

/** A call that is made twice: straight to the model API, and through the gateway. */
export interface Call {
  readonly what: string;
  readonly scenario?: string;
  readonly asking?: Asking;
  /** Fields of the body beside the plain question. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Where the gateway answers otherwise on purpose, and why. */
export interface Difference extends Call {
  readonly why: string;
  readonly status: number;
  /** `error.type` of the gateway's own answer. */
  readonly type: string;
  /** Its own answer is that of the model API, but for the request's id. */
  readonly sameWords?: true;
}

const stream = { stream: true } as const;
const both = (what: string, scenario: string): Call[] => [
  { what: `${what}, as JSON`, scenario },
  { what: `${what}, as a stream`, scenario, body: stream },
];

const get = (path: string): Asking => ({ method: 'GET', path });
const counting: Asking = { path: '/v1/messages/count_tokens' };

const tools = [
  {
    name: 'look_up',
    description: 'Looks a place up',
    input_schema: { type: 'object', properties: { place: { type: 'string' } } },
  },
];

/** Status, bytes and headers are the same. */
export const SAME: readonly Call[] = [
  ...both('a plain answer', 'ok'),
  ...both('a long answer', 'ok;output_tokens=90;chunks=90'),
  ...both('an empty answer', 'ok;output_tokens=0'),
  ...both('an answer that takes its time', 'ok;chunks=5;chunk_ms=5;first_ms=5'),
  ...both(
    'an answer of another model, speed and region',
    'ok;model=claude-haiku-5-5;inference_geo=us',
  ),
  ...both('an answer that stopped at a sequence', 'ok;stop_reason=stop_sequence'),
  ...both('an answer that pauses its turn', 'ok;stop_reason=pause_turn'),
  ...both('an answer cut by the context window', 'ok;stop_reason=model_context_window_exceeded'),
  ...both('caches read and written', 'ok;cache_read=11;cache_write_5m=13;cache_write_1h=17'),
  ...both('a refusal', 'refusal'),
  ...both('a refusal in the middle', 'refusal_midstream'),
  ...both('a compaction', 'compaction'),
  ...both('a fallback', 'fallback'),
  ...both('a fallback that declined too', 'fallback_declined'),
  ...both('a fallback that stays', 'fallback_sticky'),
  ...both('thinking', 'thinking'),
  ...both('iterations nobody knows', 'unknown_iteration'),
  ...both('no usage', 'no_usage'),
  ...both('impossible usage', 'bad_usage'),
  ...both('usage of a model nobody knows', 'ok;model=claude-nobody-1'),
  { what: 'a tool call, as JSON', scenario: 'tool_use', body: { tools } },
  { what: 'a tool call, as a stream', scenario: 'tool_use', body: { tools, ...stream } },
  { what: 'an answer on the old version without fields', body: { temperature: 0.5, top_k: 3 } },
  { what: 'fields nobody knows', body: { unheard_of: { deep: [1.5, null] } } },
  { what: 'events nobody knows', scenario: 'unknown_events', body: stream },
  { what: 'a second start', scenario: 'double_start', body: stream },
  { what: 'a second delta', scenario: 'double_delta', body: stream },
  { what: 'usage that decreases', scenario: 'decreasing_usage', body: stream },
  { what: 'half an event', scenario: 'truncated_json', body: stream },
  { what: 'an error in the middle', scenario: 'overloaded_midstream', body: stream },
  { what: 'no end', scenario: 'no_stop', body: stream },
  { what: 'no end and no stop reason', scenario: 'no_stop;message_delta=0', body: stream },
  { what: 'single bytes', scenario: 'odd_bytes', body: stream },
  { what: 'lines that end in CRLF', scenario: 'odd_bytes;line_end=crlf;split=7', body: stream },
  { what: 'lines that end in CR', scenario: 'odd_bytes;line_end=cr;split=5', body: stream },
  { what: 'comments', scenario: 'odd_bytes;comments=1;split=3', body: stream },
  ...['400', '403', '404', '409', '413', '429', '500', '503', '504'].flatMap((status) => [
    ...both(`error ${status}`, `error_${status}`),
    {
      what: `error ${status} with advice`,
      scenario: `error_${status};retry_after=3;should_retry=false`,
    },
  ]),
  ...both('an overload', 'overloaded'),
  { what: 'an overload with advice', scenario: 'overloaded;retry_after=3;retry_after_ms=20' },
  { what: 'a page of something in between', scenario: 'html' },
  {
    what: 'a beta nobody knows',
    asking: { headers: { 'anthropic-beta': 'files-api-2025-04-14,magic' } },
  },
  { what: 'betas', asking: { headers: { 'anthropic-beta': 'context-1m-2025-08-07' } } },
  { what: 'the version of 2026', asking: { headers: { 'anthropic-version': '2026-10-21' } } },
  {
    what: 'a parameter that the version of 2026 has not',
    asking: { headers: { 'anthropic-version': '2026-10-21' } },
    body: { temperature: 0.5 },
  },
  { what: 'a query', asking: { path: '/v1/messages?beta=true' } },
  { what: 'tokens counted', asking: counting },
  { what: 'tokens counted of too little', asking: counting, body: { messages: [] } },
];

/** The gateway's own answers. */
export const DIFFERENT: readonly Difference[] = [
  {
    what: "the key of the gateway's owner is refused",
    scenario: 'error_401',
    why: "not the client's key was refused, and no client can mend it",
    status: 502,
    type: 'api_error',
  },
  {
    what: "the account of the gateway's owner is not paid",
    scenario: 'error_402',
    why: "not the client's bill is open",
    status: 502,
    type: 'api_error',
  },
  {
    what: 'a redirect',
    scenario: 'redirect',
    why: "to follow it would carry the owner's key elsewhere; to pass it on would lead past the meter",
    status: 502,
    type: 'api_error',
  },
  {
    what: 'a page with the status of an answer',
    scenario: 'html;status=200',
    why: 'what cannot be metered is not handed out',
    status: 502,
    type: 'api_error',
  },
  {
    what: 'half a JSON body',
    scenario: 'truncated_json',
    why: 'what cannot be metered is not handed out',
    status: 502,
    type: 'api_error',
  },
  {
    what: 'a JSON body that breaks off',
    scenario: 'cut_midstream',
    why: 'a JSON body is read whole before it is charged',
    status: 502,
    type: 'api_error',
  },
  {
    what: 'no version',
    asking: { headers: { 'anthropic-version': undefined } },
    why: 'it is refused before anything is held',
    status: 400,
    type: 'invalid_request_error',
    sameWords: true,
  },
  {
    what: 'no model of that name',
    body: { model: 'claude-nobody-1' },
    why: 'a model without a price cannot be called',
    status: 404,
    type: 'not_found_error',
  },
  {
    what: 'tokens counted of no model of that name',
    asking: counting,
    body: { model: 'claude-nobody-1' },
    why: 'what cannot be called has nothing to count, and the client is told which and why',
    status: 404,
    type: 'not_found_error',
  },
  {
    what: 'no limit on the answer',
    body: { max_tokens: undefined },
    why: 'without it there is no bound to hold, so nothing is sent up',
    status: 400,
    type: 'invalid_request_error',
  },
  {
    what: 'no JSON',
    asking: { body: Buffer.from('{"model": "claude-opus-5",') },
    why: 'what cannot be read cannot be priced',
    status: 400,
    type: 'invalid_request_error',
  },
  {
    what: 'a path there is not',
    asking: get('/v1/nothing'),
    why: 'the gateway knows its paths',
    status: 404,
    type: 'not_found_error',
    sameWords: true,
  },
];
