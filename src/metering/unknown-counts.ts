import { isObject } from '#kernel/json';
import { isCount, type WireObject } from './wire.ts';

/** The fields of a usage, and of each object inside it, that this release reads or may ignore. */
const ATTEMPT_FIELDS = [
  'input_tokens',
  'output_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
] as const;
// A part of output_tokens, never a price of its own.
const OUTPUT_DETAILS: Known = new Map([['thinking_tokens', null]]);
const CACHE_WRITES: Known = new Map([
  ['ephemeral_5m_input_tokens', null],
  ['ephemeral_1h_input_tokens', null],
]);
const SERVER_TOOLS: Known = new Map([
  ['web_search_requests', null],
  ['web_fetch_requests', null],
]);
const ATTEMPT: Known = new Map([
  ...ATTEMPT_FIELDS.map((name) => [name, null] as const),
  ['cache_creation', CACHE_WRITES],
  ['output_tokens_details', OUTPUT_DETAILS],
]);
const USAGE: Known = new Map([
  ...ATTEMPT,
  ['server_tool_use', SERVER_TOOLS],
  ['iterations', ATTEMPT],
]);

/** Names that are known. Null: its value is read elsewhere; a map: an object whose own are looked at. */
type Known = ReadonlyMap<string, Known | null>;

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const NAMES_MAX = 32;
const DEPTH_MAX = 3;
/** Looked at before we stop: a usage with more fields than this says nothing we could use. */
const LOOKS_MAX = 1_000;

/**
 * Counts under names this release does not know, by their path (`server_tool_use.x_requests`), so
 * that a new kind of unit is seen before it is priced. Those of the iterations are added up. What
 * is no count, or has no name a program would give, is ignored; undefined where nothing is left.
 */
export function unknownCounts(usage: WireObject): Readonly<Record<string, number>> | undefined {
  const found = new Map<string, number>();
  let looks = 0;

  function look(value: unknown, known: Known | undefined, path: string, depth: number): void {
    if (!isObject(value)) return;
    for (const name in value) {
      if (looks >= LOOKS_MAX) return;
      looks += 1;
      const inner = known?.get(name);
      if (inner === null) continue;
      if (!NAME.test(name)) continue;
      const part = value[name];
      const at = `${path}${name}`;
      if (inner === undefined && isCount(part)) {
        const sum = (found.get(at) ?? 0) + part;
        if (isCount(sum)) found.set(at, sum);
      } else if (name === 'iterations' && Array.isArray(part)) {
        for (const one of part) look(one, inner ?? undefined, `${at}.`, depth + 1);
      } else if (depth < DEPTH_MAX) {
        look(part, inner, `${at}.`, depth + 1);
      }
    }
  }

  look(usage, USAGE, '', 1);
  if (found.size === 0) return undefined;
  // In the order of their names, so that it does not matter in which event a name came first.
  const kept = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, NAMES_MAX);
  return Object.fromEntries(kept);
}
