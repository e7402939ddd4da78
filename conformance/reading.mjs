/**
 * What an upstream's answer says about the bill: charged with a usage, free, or set aside because
 * the usage cannot be believed ("quarantined"). S-numbers are the settlement rules of the README.
 */

const free = (rule) => ({ outcome: 'free', rule });
const quarantined = (why) => ({ outcome: 'quarantined', rule: 'S12', why });

/** @param contextWindowOf the window of a model, undefined if it has no price then */
export function readAnswer(row, contextWindowOf) {
  if (row.status !== undefined && row.status !== 200) return free('S6');
  const limits = { maxTokens: row.max_tokens, askedModel: row.asked_model, contextWindowOf };
  if (row.events !== undefined) return readStream(row, limits);
  if (row.batch_result !== undefined) {
    if (row.batch_result.type !== 'succeeded') return free('S18');
    const read = readMessage(row.batch_result.message, limits);
    // An item of a batch costs half, whatever its usage says of the tier.
    if (read.usage !== undefined) read.usage.tier = 'batch';
    return read;
  }
  return readMessage(row.answer, limits);
}

function readMessage(message, limits) {
  const nothing = message.content.length === 0;
  if (message.stop_reason === 'refusal' && nothing) return free('S3');
  return believe(message.usage, message.model, message.stop_reason, limits, 'S1');
}

/**
 * A stream, event by event. Counts in it are running totals: a later report replaces an earlier
 * one where it says something, and is never added to it. Once an answer has said how it ended and
 * what it used, a report that cannot be true does not undo that.
 */
function readStream(row, limits) {
  let model = null;
  let usage = null;
  let stopReason = null;
  let reported = false;
  let impossible = null;
  let delivered = false;
  let stopped = false;
  for (const event of row.events) {
    if (stopped) break;
    if (event.type === 'error') return free('S7');
    if (event.type === 'message_start' && usage === null) {
      model = event.message.model;
      usage = event.message.usage;
    }
    if (event.type === 'content_block_delta') delivered = true;
    if (event.type === 'message_delta') {
      const finished = reported && impossible === null && stopReason !== null;
      stopReason = event.delta.stop_reason ?? stopReason;
      if (event.usage !== undefined) {
        const merged = merge(usage, event.usage);
        const read = believe(merged, model, stopReason, limits, 'S2');
        if (read.outcome === 'charged') {
          usage = merged;
          impossible = null;
          reported ||= says(event.usage, 'output_tokens') || says(event.usage, 'iterations');
        } else if (!finished) {
          impossible = read;
        }
      }
    }
    if (event.type === 'message_stop') stopped = true;
  }
  if (row.stopped_by_us !== undefined && stopReason === null && !stopped) {
    // The answer was not awaited: what is known of the input, and the output that was counted.
    const counted = withOutput(usage, row.stopped_by_us.counted_output_tokens);
    return believe(counted, model, null, limits, 'S11');
  }
  if (stopReason === null) return stopped ? quarantined('an end without a reason') : free('S8');
  if (stopReason === 'refusal' && !delivered) return free('S3');
  if (impossible !== null) return impossible;
  if (!reported) return quarantined('the stream ended without a usage report');
  return believe(usage, model, stopReason, limits, stopped ? 'S2' : 'S9');
}

/** Counted output is that of the last attempt at the answer, unless the upstream has said more. */
function withOutput(usage, counted) {
  const more = (part) => ({ ...part, output_tokens: Math.max(part.output_tokens ?? 0, counted) });
  if (!Array.isArray(usage?.iterations) || usage.iterations.length === 0) return more(usage);
  const last = usage.iterations.findLastIndex(({ type }) => BOUNDED.has(type));
  const iterations = usage.iterations.map((entry, index) => (index === last ? more(entry) : entry));
  return { ...usage, iterations };
}

const says = (report, name) => (report[name] ?? null) !== null;

function merge(usage, report) {
  const told = Object.entries(report).filter(([, value]) => value !== null);
  return { ...usage, ...Object.fromEntries(told) };
}

function believe(wire, model, stopReason, limits, rule) {
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
    return quarantined('usage is missing');
  }
  const uses = Object.values(wire.server_tool_use ?? {});
  if (!uses.every((use) => use === null || count(use) !== null)) {
    return quarantined('the uses of a server tool are not a count');
  }
  const webSearches = wire.server_tool_use?.web_search_requests ?? 0;
  const attempts = [];
  const listed = Array.isArray(wire.iterations) && wire.iterations.length > 0;
  const entries = listed ? wire.iterations : [{ ...wire, type: 'message', model }];
  const lastFallback = entries.findLastIndex((entry) => entry?.type === 'fallback_message');
  const lastBounded = entries.findLastIndex((entry) => BOUNDED.has(entry?.type));
  for (const [index, entry] of entries.entries()) {
    // Before a fallback the model that was asked for is at work, after it the one that answers.
    const atWork = index < lastFallback ? limits.askedModel : model;
    // What gave up before any output is free (S5), and so needs no price: an attempt that a fallback
    // follows, or the last one of a refusal.
    const gaveUp =
      index < lastFallback ||
      (stopReason === 'refusal' && index === lastBounded && entries.length > 1);
    const declined = gaveUp && BOUNDED.has(entry.type) && entry.output_tokens === 0;
    const attempt = readAttempt(entry, atWork, declined, limits);
    if (typeof attempt === 'string') return quarantined(attempt);
    attempts.push(attempt);
  }
  const usage = {
    attempts,
    web_searches: webSearches,
    code_execution_seconds: 0,
    session_milliseconds: 0,
    speed: wire.speed === 'fast' ? 'fast' : 'standard',
    region: wire.inference_geo === 'us' ? 'us' : 'global',
    tier: wire.service_tier === 'batch' ? 'batch' : 'standard',
  };
  if (stopReason === 'refusal') return { outcome: 'charged', rule: 'S4', usage };
  if (limits.maxTokens === 0) return { outcome: 'charged', rule: 'S14', usage };
  return { outcome: 'charged', rule, usage };
}

/** Kinds of attempts that may leave out their model. */
const MAY_BE_NAMELESS = new Set(['message', 'compaction']);
/** Kinds of attempts whose output is what `max_tokens` bounds. */
const BOUNDED = new Set(['message', 'fallback_message']);

function readAttempt(entry, atWork, declined, limits) {
  const model = entry.model ?? (MAY_BE_NAMELESS.has(entry.type) ? atWork : null);
  if (typeof model !== 'string') return 'an attempt without a model';
  const window = limits.contextWindowOf(model);
  if (window === undefined && !declined) return 'a model without a price';
  const input = count(entry.input_tokens);
  const output = count(entry.output_tokens);
  const cache_read = count(entry.cache_read_input_tokens ?? 0);
  if (input === null || output === null || cache_read === null) return 'not a count';
  const writes = readCacheWrites(entry.cache_creation_input_tokens ?? null, entry.cache_creation);
  if (writes === null) return 'cache writes that do not add up';
  const billed = !declined;
  const attempt = { type: entry.type, model, billed, input, output, cache_read, ...writes };
  const prompt = input + cache_read + writes.cache_write_5m + writes.cache_write_1h;
  if (prompt > window) return 'more prompt than the context window';
  if (BOUNDED.has(entry.type) && limits.maxTokens !== undefined && output > limits.maxTokens) {
    return 'more output than max_tokens';
  }
  return attempt;
}

/** Null if it is not a whole number from 0 to 2^53 - 1: such a count cannot be believed. */
function count(value) {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/**
 * Cache writes by how long they live. What the total has beyond the breakdown is priced as 5-minute
 * writes (S16); a breakdown beyond the total contradicts itself.
 */
function readCacheWrites(total, breakdown) {
  const known = breakdown ?? {};
  const cache_write_5m = count(known.ephemeral_5m_input_tokens ?? 0);
  const cache_write_1h = count(known.ephemeral_1h_input_tokens ?? 0);
  if (cache_write_5m === null || cache_write_1h === null) return null;
  if (total === null) return { cache_write_5m, cache_write_1h };
  if (count(total) === null) return null;
  const rest = total - cache_write_5m - cache_write_1h;
  return rest < 0 ? null : { cache_write_5m: cache_write_5m + rest, cache_write_1h };
}
