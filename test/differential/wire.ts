import type { IncomingHttpHeaders } from 'node:http';

/** Headers of an answer that describe it: the gateway passes them on as they are. */
export const PASSED_ON = [
  'content-type',
  'cache-control',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
] as const;

/** Headers of an answer that speak of the owner's account or machinery: their values stay behind. */
export const KEPT_BACK = [
  'set-cookie',
  'server',
  'anthropic-organization-id',
  'anthropic-workspace-id',
  ...['requests', 'tokens', 'input-tokens', 'output-tokens'].flatMap((limit) =>
    ['limit', 'remaining', 'reset'].map((what) => `anthropic-ratelimit-${limit}-${what}`),
  ),
] as const;

/** Headers of a request that reach the model API as the client sent them. */
export const SENT_UP = {
  'anthropic-beta': 'context-1m-2025-08-07',
  'user-agent': 'A client/1.0',
  'x-stainless-lang': 'js',
  'x-stainless-timeout': '600',
  'x-unheard-of': 'Zähler, 1',
  accept: 'application/json',
} as const;

/** Headers of a request that end at the gateway, and why. */
export const ENDS_HERE = {
  authorization: 'a credential',
  cookie: 'a credential',
  'idempotency-key': 'it would be looked up among those of every customer',
  'anthropic-workspace-id': 'it names an object of the gateway',
  'anthropic-user-profile-id': 'it names an object of the gateway',
  'anthropic-dangerous-direct-browser-access': 'it is a server that calls',
  referer: 'it is a server that calls',
  'x-forwarded-for': 'where the request came from',
  'x-forwarded-proto': 'where the request came from',
  'x-real-ip': 'where the request came from',
  forwarded: 'where the request came from',
  via: 'where the request came from',
  te: 'of this connection alone',
} as const;

export const picked = (
  headers: IncomingHttpHeaders,
  names: readonly string[],
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(names.map((name) => [name, headers[name]]));
