import type { ModelUsage, Usage } from '#kernel/usage';

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

export type WireUsage =
  | { readonly outcome: 'valid'; readonly usage: Usage }
  | { readonly outcome: 'implausible'; readonly reason: string };

export type WireObject = Readonly<Record<string, unknown>>;

/** No model reads or writes nearly as much in one turn. Holds where no expectation is given. */
const TURN_TOKENS_MAX = 10_000_000;
/** Turns of a server tool loop in one request; more is a broken counter, not work. */
const TURNS_MAX = 10_000;

/**
 * Reads the `usage` of a finished answer (S5, S12, S16). Anything that is not a plausible count is
 * named, never repaired: a negative or overflowing count must not become a credit.
 * An explicit zero is a value.
 */
export function readUsage(
  wire: unknown,
  servedModel: string | null,
  stopReason: unknown,
  expectation: Expectation | undefined,
): WireUsage {
  if (!isObject(wire)) return implausible('usage is missing');
  const tools = readServerTools(wire.server_tool_use);
  if (tools === undefined) return implausible('server_tool_use is not a plausible count');
  const settings = readSettings(wire);
  if (typeof settings === 'string') return implausible(settings);
  const turns = readTurns(wire, servedModel, stopReason, tools.uses, expectation);
  if (typeof turns === 'string') return implausible(turns);
  return {
    outcome: 'valid',
    usage: { iterations: turns, webSearches: tools.webSearches, ...settings },
  };
}

export const isObject = (value: unknown): value is WireObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const implausible = (reason: string): WireUsage => ({ outcome: 'implausible', reason });

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/**
 * Null and absence mean "none" where the wire format says so; undefined is returned for nonsense.
 */
function countOrNone(value: unknown): number | undefined {
  if (value === null || value === undefined) return 0;
  return isCount(value) ? value : undefined;
}

function readServerTools(wire: unknown): { webSearches: number; uses: number } | undefined {
  if (wire === null || wire === undefined) return { webSearches: 0, uses: 0 };
  if (!isObject(wire)) return undefined;
  let uses = 0;
  for (const value of Object.values(wire)) {
    const count = countOrNone(value);
    if (count === undefined) return undefined;
    uses += count;
  }
  if (uses >= TURNS_MAX) return undefined;
  return { webSearches: countOrNone(wire.web_search_requests) ?? 0, uses };
}

/** Priority capacity is charged at standard rates; an unknown word would mean an unknown price. */
function readSettings(
  wire: WireObject,
): Pick<Usage, 'speed' | 'inferenceGeo' | 'serviceTier'> | string {
  const { speed = null, inference_geo: geo = null, service_tier: tier = null } = wire;
  if (speed !== null && speed !== 'standard' && speed !== 'fast') return 'unknown speed';
  if (geo !== null && geo !== 'us' && geo !== 'global' && geo !== 'not_available') {
    return 'unknown inference_geo';
  }
  if (tier !== null && tier !== 'standard' && tier !== 'priority' && tier !== 'batch') {
    return 'unknown service_tier';
  }
  return {
    speed: speed ?? 'standard',
    inferenceGeo: geo === 'us' ? 'us' : 'global',
    serviceTier: tier === 'batch' ? 'batch' : 'standard',
  };
}

function readTurns(
  wire: WireObject,
  servedModel: string | null,
  stopReason: unknown,
  toolUses: number,
  expectation: Expectation | undefined,
): ModelUsage[] | string {
  const { iterations = null } = wire;
  if (iterations === null || (Array.isArray(iterations) && iterations.length === 0)) {
    if (servedModel === null) return 'the answer names no model that can be recorded';
    // One figure for all turns of a server tool loop: each turn read at most a whole window.
    const turn = readTurn(wire, servedModel, 'message', toolUses + 1, expectation);
    return typeof turn === 'string' ? turn : [turn];
  }
  if (!Array.isArray(iterations)) return 'iterations is not a list';
  const lastFallback = iterations.findLastIndex((entry) => typeOf(entry) === 'fallback_message');
  const last = iterations.length - 1;
  const billed: ModelUsage[] = [];
  for (const [index, entry] of iterations.entries()) {
    if (!isObject(entry)) return 'an iteration is not an object';
    const model = modelOf(entry, index < lastFallback ? expectation?.model : servedModel);
    if (model === undefined) return `iteration ${index} names no model that can be recorded`;
    const turn = readTurn(entry, model, typeOf(entry), 1, expectation);
    if (typeof turn === 'string') return `iteration ${index}: ${turn}`;
    const declined = index < lastFallback || (index === last && stopReason === 'refusal');
    if (!(declined && mayDecline(entry) && turn.outputTokens === 0)) billed.push(turn);
  }
  return billed;
}

/**
 * A model's name as it may be recorded. PostgreSQL takes neither a NUL nor half a surrogate pair
 * in jsonb: a row with one would be refused for ever, and its hold never resolved.
 */
export const modelName = (value: unknown): string | null =>
  typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value) ? value : null;

const typeOf = (entry: unknown): unknown => (isObject(entry) ? entry.type : undefined);

/** Only an attempt at the answer can decline; compaction and advice are work that was done. */
const mayDecline = (entry: WireObject): boolean =>
  entry.type === 'message' || entry.type === 'fallback_message';

function modelOf(entry: WireObject, inherited: string | null | undefined): string | undefined {
  if (typeof entry.model === 'string') return modelName(entry.model) ?? undefined;
  const inherits = entry.type === 'message' || entry.type === 'compaction';
  return inherits ? (inherited ?? undefined) : undefined;
}

function readTurn(
  wire: WireObject,
  model: string,
  type: unknown,
  turns: number,
  expectation: Expectation | undefined,
): ModelUsage | string {
  const { input_tokens: input, output_tokens: output } = wire;
  if (!isCount(input)) return 'input_tokens is not a count';
  if (!isCount(output)) return 'output_tokens is not a count';
  const read = countOrNone(wire.cache_read_input_tokens);
  if (read === undefined) return 'cache_read_input_tokens is not a count';
  const written = readCacheWrites(wire);
  if (typeof written === 'string') return written;
  const window = expectation === undefined ? TURN_TOKENS_MAX : expectation.contextWindowOf(model);
  if (window === undefined) return 'the model has no price';
  const prompt = input + read + written.cacheWrite5mTokens + written.cacheWrite1hTokens;
  if (prompt > window * turns) return 'more input than the context window holds';
  // Compaction and advice have limits of their own; the answer has the one the request set.
  const answers = type === 'message' || type === 'fallback_message';
  const outputMax = answers ? (expectation?.outputTokensMax ?? window) : window;
  if (output > outputMax * turns) return 'more output than the request allowed';
  return { model, inputTokens: input, outputTokens: output, cacheReadTokens: read, ...written };
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
