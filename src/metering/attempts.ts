import { isObject } from '#kernel/json';
import type { AttemptKind, ModelUsage } from '#kernel/usage';
import { countOrNone, isCount, modelName, type WireObject } from './wire.ts';

/** What the request allowed, to tell an implausible answer from a dear one (fault F34, F37). */
export interface Expectation {
  /** The model asked for: an iteration before a fallback may leave its own model out. */
  readonly model: string;
  /**
   * Largest output of one sampling turn: the largest `max_tokens` of the asked and fallback
   * models.
   */
  readonly outputTokensMax: number;
  /**
   * Undefined for a model that has no price: its answer cannot be charged, nor be free in silence.
   */
  contextWindowOf(model: string): number | undefined;
}

/** The answer that the attempts belong to. */
export interface Answer {
  /** The model that the answer names; null if it names none that can be recorded. */
  readonly model: string | null;
  readonly stopReason: unknown;
  /** Uses of server tools: each one is followed by a turn that reads the context again. */
  readonly toolUses: number;
}

/** No model reads or writes nearly as much in one turn. Holds where no expectation is given. */
const TURN_TOKENS_MAX = 10_000_000;
/** Far more than a chain of fallbacks, compactions and advice can have; a longer list is broken. */
const ATTEMPTS_MAX = 1_000;
/** Attempts at the answer itself: they alone can decline, and obey the request's `max_tokens`. */
const ANSWERING: ReadonlySet<AttemptKind> = new Set(['message', 'fallback_message']);
const KINDS: ReadonlyMap<unknown, AttemptKind> = new Map(
  (['message', 'fallback_message', 'compaction', 'advisor_message'] as const).map((kind) => [
    kind,
    kind,
  ]),
);

/**
 * Every attempt of an answer, charged or not (S5): the iterations if there are any, else the usage
 * as a whole. A text says why they cannot be believed.
 */
export function readAttempts(
  usage: WireObject,
  answer: Answer,
  expectation: Expectation | undefined,
): readonly ModelUsage[] | string {
  const { iterations = null } = usage;
  if (iterations !== null && !Array.isArray(iterations)) return 'iterations is not a list';
  if (iterations !== null && iterations.length > 0) {
    if (iterations.length > ATTEMPTS_MAX) return 'more iterations than an answer can have';
    return readIterations(iterations, answer, expectation);
  }
  if (answer.model === null) return 'the answer names no model that can be recorded';
  // One figure for all turns of a server tool loop: each turn read at most a whole window.
  const whole: Attempt = { kind: 'message', model: answer.model, turns: answer.toolUses + 1 };
  const attempt = readAttempt(usage, whole, expectation);
  return typeof attempt === 'string' ? attempt : [attempt];
}

function readIterations(
  iterations: readonly unknown[],
  answer: Answer,
  expectation: Expectation | undefined,
): readonly ModelUsage[] | string {
  const kinds = iterations.map((entry) => kindOf(entry));
  const lastFallback = kinds.lastIndexOf('fallback_message');
  const lastAnswering = kinds.findLastIndex((kind) => ANSWERING.has(kind));
  const refusedAfter = answer.stopReason === 'refusal' && iterations.length > 1;
  const attempts: ModelUsage[] = [];
  for (const [index, entry] of iterations.entries()) {
    if (!isObject(entry)) return 'an iteration is not an object';
    const kind = kinds[index] ?? 'other';
    const inherited = index < lastFallback ? expectation?.model : answer.model;
    const model = modelOf(entry, kind, inherited);
    if (model === undefined) return `iteration ${index} names no model that can be recorded`;
    const gaveUp = index < lastFallback || (refusedAfter && index === lastAnswering);
    const declined = gaveUp && ANSWERING.has(kind) && entry.output_tokens === 0;
    const attempt = readAttempt(entry, { kind, model, turns: 1, declined }, expectation);
    if (typeof attempt === 'string') return `iteration ${index}: ${attempt}`;
    attempts.push(attempt);
  }
  return attempts;
}

const kindOf = (entry: unknown): AttemptKind =>
  (isObject(entry) ? KINDS.get(entry.type) : undefined) ?? 'other';

/**
 * Whose price an entry has. What came before a fallback is taken for work of the model asked for;
 * what is not known to run on the model of the answer has to name its own (F36).
 */
function modelOf(
  entry: WireObject,
  kind: AttemptKind,
  inherited: string | null | undefined,
): string | undefined {
  if (entry.model !== undefined && entry.model !== null) return modelName(entry.model) ?? undefined;
  const inherits = kind === 'message' || kind === 'compaction';
  return inherits ? (inherited ?? undefined) : undefined;
}

interface Attempt {
  readonly kind: AttemptKind;
  readonly model: string;
  readonly turns: number;
  readonly declined?: boolean;
}

function readAttempt(
  wire: WireObject,
  { kind, model, turns, declined = false }: Attempt,
  expectation: Expectation | undefined,
): ModelUsage | string {
  const { input_tokens: inputTokens, output_tokens: outputTokens } = wire;
  if (!isCount(inputTokens)) return 'input_tokens is not a count';
  if (!isCount(outputTokens)) return 'output_tokens is not a count';
  const cacheReadTokens = countOrNone(wire.cache_read_input_tokens);
  if (cacheReadTokens === undefined) return 'cache_read_input_tokens is not a count';
  const written = readCacheWrites(wire);
  if (typeof written === 'string') return written;
  const window = windowOf(model, declined, expectation);
  if (window === undefined) return 'the model has no price';
  const prompt =
    inputTokens + cacheReadTokens + written.cacheWrite5mTokens + written.cacheWrite1hTokens;
  if (prompt > window * turns) return 'more input than the context window holds';
  // Compaction and advice have limits of their own; the answer has the one the request set.
  const outputMax = ANSWERING.has(kind) ? (expectation?.outputTokensMax ?? window) : window;
  if (outputTokens > outputMax * turns) return 'more output than the request allowed';
  const billed = !declined;
  return { model, kind, billed, inputTokens, outputTokens, cacheReadTokens, ...written };
}

/** A declined attempt is free, so it needs no price: the answer after it has one. */
function windowOf(
  model: string,
  declined: boolean,
  expectation: Expectation | undefined,
): number | undefined {
  if (expectation === undefined) return TURN_TOKENS_MAX;
  return expectation.contextWindowOf(model) ?? (declined ? TURN_TOKENS_MAX : undefined);
}

/**
 * S16: the split by lifetime is charged; what the total has beyond it counts as 5-minute writes.
 */
function readCacheWrites(
  wire: WireObject,
): Pick<ModelUsage, 'cacheWrite5mTokens' | 'cacheWrite1hTokens'> | string {
  const { cache_creation_input_tokens: totalWire, cache_creation: splitWire = null } = wire;
  const total = countOrNone(totalWire);
  if (total === undefined) return 'cache_creation_input_tokens is not a count';
  if (splitWire === null) return { cacheWrite5mTokens: total, cacheWrite1hTokens: 0 };
  if (!isObject(splitWire)) return 'cache_creation is not an object';
  const short = countOrNone(splitWire.ephemeral_5m_input_tokens);
  const long = countOrNone(splitWire.ephemeral_1h_input_tokens);
  if (short === undefined || long === undefined) return 'cache_creation is not a count';
  const totalKnown = totalWire !== null && totalWire !== undefined;
  const rest = totalKnown ? total - short - long : 0;
  if (rest < 0) return 'cache_creation is more than its total';
  return { cacheWrite5mTokens: short + rest, cacheWrite1hTokens: long };
}
