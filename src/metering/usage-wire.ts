import { isObject } from '#kernel/json';
import type { Usage } from '#kernel/usage';
import { type Expectation, readAttempts } from './attempts.ts';
import { unknownCounts } from './unknown-counts.ts';
import { countOrNone, isCount, type WireObject } from './wire.ts';

export type WireUsage =
  | { readonly outcome: 'valid'; readonly usage: Usage }
  | { readonly outcome: 'implausible'; readonly reason: string };

/** Turns of a server tool loop in one request; more is a broken counter, not work. */
const TURNS_MAX = 10_000;

/**
 * Reads the `usage` of a finished answer (S5, S12, S16). Anything that is not a plausible count is
 * named, never repaired: a negative or overflowing count must not become a credit.
 * An explicit zero is a value.
 *
 * Code execution and sessions are paid by time, which no answer reports: see `measured-time.ts`.
 */
export function readUsage(
  wire: unknown,
  servedModel: string | null,
  stopReason: unknown,
  expectation: Expectation | undefined,
): WireUsage {
  if (!isObject(wire)) return implausible('usage is missing');
  const tools = readServerTools(wire.server_tool_use);
  if (typeof tools === 'string') return implausible(tools);
  const settings = readSettings(wire);
  if (typeof settings === 'string') return implausible(settings);
  const answer = { model: servedModel, stopReason, toolUses: tools.uses };
  const iterations = readAttempts(wire, answer, expectation);
  if (typeof iterations === 'string') return implausible(iterations);
  const unknown = unknownCounts(wire);
  return {
    outcome: 'valid',
    usage: {
      iterations,
      webSearches: tools.webSearches,
      codeExecutionSeconds: 0,
      sessionMilliseconds: 0,
      ...settings,
      ...(unknown === undefined ? {} : { unknown }),
    },
  };
}

const implausible = (reason: string): WireUsage => ({ outcome: 'implausible', reason });

/** S17: searches have a price, fetches have none; any use of a tool makes the model read on. */
function readServerTools(wire: unknown): { webSearches: number; uses: number } | string {
  if (wire === null || wire === undefined) return { webSearches: 0, uses: 0 };
  if (!isObject(wire)) return 'server_tool_use is not an object';
  const webSearches = countOrNone(wire.web_search_requests);
  const fetches = countOrNone(wire.web_fetch_requests);
  const executions = countOrNone(wire.code_execution_requests);
  if (webSearches === undefined || fetches === undefined || executions === undefined) {
    return 'server_tool_use is not a count';
  }
  if (webSearches + fetches + executions >= TURNS_MAX) {
    return 'more uses of server tools than an answer can have';
  }
  // A tool this release has never heard of makes the model read on like any other.
  let uses = 0;
  for (const value of Object.values(wire)) uses += isCount(value) ? value : 0;
  return { webSearches, uses: Math.min(uses, TURNS_MAX) };
}

/**
 * S15: what was served. Priority capacity is charged at standard rates; an unknown word would mean
 * an unknown price.
 */
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
