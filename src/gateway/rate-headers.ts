import type { Entrance, Standings } from '#rate-limits/limiter';
import type { Standing } from '#rate-limits/share';
import { LIMIT_KINDS, type LimitKind } from '#rate-limits/tiers';

const NAMES: Readonly<Record<LimitKind, string>> = {
  requests: 'requests',
  input_tokens: 'input-tokens',
  output_tokens: 'output-tokens',
};
const THOUSAND = 1_000;

/** The headers in which the public API says what is left of the limits of a model. */
export function rateHeaders(entrance: Entrance, now: Date): Readonly<Record<string, string>> {
  const standings = entrance.standings();
  const headers: Record<string, string> = {};
  for (const kind of LIMIT_KINDS) {
    const standing = standings.get(kind);
    if (standing !== undefined) put(headers, NAMES[kind], standing, kind !== 'requests', now);
  }
  const both = inAndOut(standings);
  if (both !== undefined) put(headers, 'tokens', both, true, now);
  if (entrance.outcome === 'refused') {
    const seconds = Math.ceil(entrance.retryAfterMs / THOUSAND);
    headers['retry-after'] = String(Math.max(1, seconds));
  }
  return headers;
}

/** Input and output together, as there is no limit that is narrower than those of the class. */
function inAndOut(standings: Standings): Standing | undefined {
  const input = standings.get('input_tokens');
  const output = standings.get('output_tokens');
  if (input === undefined || output === undefined) return undefined;
  return {
    perMinute: input.perMinute + output.perMinute,
    remaining: input.remaining + output.remaining,
    resetMs: Math.max(input.resetMs, output.resetMs),
  };
}

function put(
  headers: Record<string, string>,
  name: string,
  { perMinute, remaining, resetMs }: Standing,
  rounded: boolean,
  now: Date,
): void {
  const prefix = `anthropic-ratelimit-${name}`;
  const shown = rounded ? Math.round(remaining / THOUSAND) * THOUSAND : remaining;
  headers[`${prefix}-limit`] = String(perMinute);
  headers[`${prefix}-remaining`] = String(shown);
  headers[`${prefix}-reset`] = secondOf(now.getTime() + resetMs);
}

/** RFC 3339 to the second, rounded up: whoever waits until then finds what was promised. */
function secondOf(ms: number): string {
  const whole = Math.ceil(ms / THOUSAND) * THOUSAND;
  return `${new Date(whole).toISOString().slice(0, 19)}Z`;
}
