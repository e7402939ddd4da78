import type { Chance } from './chance.ts';
import type { Question } from './oracle.mjs';
import { MODELS, NAMES } from './random-book.ts';

const MAX_TOKENS = 10_000_000;

/** A request and what came back for it: any form, any settings, sometimes beyond belief. */
export function randomQuestion(chance: Chance, at: number): Question {
  const model = chance.is(98) ? chance.of(NAMES) : 'm-unknown';
  const row = {
    admitted_at: new Date(at).toISOString(),
    asked_model: chance.is(80) ? model : chance.of(MODELS),
    max_tokens: MAX_TOKENS,
    ...(chance.is(15) ? { measured: measured(chance) } : {}),
  };
  const usage = randomUsage(chance);
  const refused = chance.is(3);
  const message = {
    type: 'message',
    model,
    content: refused && chance.is(50) ? [] : [{ type: 'text', text: 'ok' }],
    stop_reason: refused ? 'refusal' : 'end_turn',
    usage,
  };
  if (chance.is(20)) return { ...row, events: events(chance, message) };
  if (chance.is(5)) return { ...row, batch_result: { type: 'succeeded', message } };
  return { ...row, answer: message };
}

function measured(chance: Chance) {
  return {
    tools: [],
    executions_ms: chance.is(50) ? [chance.below(1_000_000)] : [],
    files_preloaded: chance.is(20),
    free_seconds_used: chance.below(40_000),
    session_ms: chance.is(50) ? chance.below(10_000_000) : 0,
  };
}

function randomUsage(chance: Chance): Record<string, unknown> {
  const usage = { ...tokens(chance), ...settings(chance) };
  if (chance.is(30)) {
    const searches = chance.is(3) ? -1 : chance.below(20);
    return { ...usage, server_tool_use: { web_search_requests: searches }, ...attempts(chance) };
  }
  return { ...usage, ...attempts(chance) };
}

function settings(chance: Chance): Record<string, unknown> {
  return {
    ...(chance.is(25) ? { speed: 'fast' } : {}),
    ...(chance.is(25) ? { inference_geo: 'us' } : {}),
    ...(chance.is(25) ? { service_tier: 'batch' } : {}),
  };
}

function attempts(chance: Chance): Record<string, unknown> {
  if (chance.is(65)) return {};
  if (chance.is(5)) return { iterations: null };
  const iterations: object[] = [];
  if (chance.is(30)) iterations.push({ type: 'compaction', ...tokens(chance) });
  for (let count = chance.below(3); count > 0; count -= 1) {
    const type = chance.of(['message', 'message', 'advisor_message', 'other_message']);
    iterations.push({ type, ...named(chance), ...tokens(chance) });
  }
  iterations.push({ type: 'message', ...named(chance), ...tokens(chance) });
  for (let count = chance.is(30) ? chance.between(1, 2) : 0; count > 0; count -= 1) {
    iterations.push({ type: 'fallback_message', ...named(chance), ...tokens(chance) });
  }
  return { iterations };
}

const named = (chance: Chance): object => ({ model: chance.is(99) ? chance.of(MODELS) : 'm-none' });

function tokens(chance: Chance): Record<string, unknown> {
  return {
    input_tokens:
      chance.below(300) === 0 ? chance.of<unknown>([-1, 0.5, null, '7']) : count(chance),
    output_tokens: count(chance),
    ...(chance.is(50) ? { cache_read_input_tokens: count(chance) } : {}),
    ...(chance.is(50) ? cacheWrites(chance) : {}),
  };
}

function count(chance: Chance): number {
  const most = chance.of([1, 10, 10, 1_000, 100_000, 100_000, 200_000, 2_000_000]);
  // Around the thresholds of the bands, and anywhere below them.
  return chance.is(30) ? most + chance.below(3) : chance.below(most);
}

function cacheWrites(chance: Chance): object {
  const [w5, w1] = [count(chance), count(chance)];
  const cache_creation = { ephemeral_5m_input_tokens: w5, ephemeral_1h_input_tokens: w1 };
  const shape = chance.below(20);
  if (shape < 5) return { cache_creation_input_tokens: w5 };
  if (shape < 7) return { cache_creation_input_tokens: w5, cache_creation: null };
  if (shape < 9) return { cache_creation };
  if (shape < 14) return { cache_creation_input_tokens: w5 + w1 + count(chance), cache_creation };
  if (shape < 15 && w5 > 0 && chance.is(20))
    return { cache_creation_input_tokens: w5 - 1, cache_creation };
  return { cache_creation_input_tokens: w5 + w1, cache_creation };
}

/** The same answer as events, with its usage told in one of the two ways that exist. */
function events(
  chance: Chance,
  message: {
    readonly stop_reason: string;
    readonly content: readonly object[];
    readonly usage: Readonly<Record<string, unknown>>;
  },
): { type: string }[] {
  const { usage, stop_reason, content } = message;
  const told = usage;
  const final: Record<string, unknown> = { output_tokens: told.output_tokens };
  if (told.iterations !== undefined) final.iterations = told.iterations;
  if (told.server_tool_use !== undefined) final.server_tool_use = told.server_tool_use;
  const early: Record<string, unknown> = { ...told, output_tokens: 1 };
  delete early.iterations;
  if (chance.is(50)) {
    final.input_tokens = told.input_tokens;
    if (typeof told.input_tokens === 'number') early.input_tokens = 3;
  }
  const start = { ...message, content: [], stop_reason: null, usage: early };
  const report = { delta: { stop_reason }, usage: final };
  return [
    { type: 'message_start', ...{ message: start } },
    ...content.map(() => ({ type: 'content_block_delta', ...text })),
    ...(chance.is(10) ? [{ type: 'message_delta', ...draft }] : []),
    { type: 'message_delta', ...report },
    ...(chance.is(10) ? [] : [{ type: 'message_stop' }]),
  ];
}

const text = { index: 0, delta: { type: 'text_delta', text: 'ok' } };
const draft = { delta: { stop_reason: null }, usage: { output_tokens: 2 } };
