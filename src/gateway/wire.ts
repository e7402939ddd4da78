import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * Request headers that end here. Everything else goes on unread, so that a new feature of the
 * upstream works before this gateway has heard of it.
 */
const KEPT_FROM_UPSTREAM: ReadonlySet<string> = new Set([
  // Hop by hop; the request is framed anew.
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  'content-length',
  'host',
  // The body goes up decoded; the answer is metered as it passes, so it must not come compressed.
  'content-encoding',
  'accept-encoding',
  // Credentials.
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'cookie',
  // Where the request came from, as the proxies before this one noted it.
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  // A page in a browser is this server's to admit (`cross-origin.ts`): the upstream is called by
  // a server.
  'origin',
  'referer',
  'anthropic-dangerous-direct-browser-access',
  // They name objects of ours, or live in the operator's one namespace where two customers could
  // meet: an idempotency key of one must not find the answer of another.
  'anthropic-workspace-id',
  'anthropic-user-profile-id',
  'idempotency-key',
]);
const KEPT_PREFIXES = /^(?:x-forwarded-|sec-|access-control-)/;

/** Of an answer, what describes its body; the operator's limits, ids and cookies stay behind. */
const RELAYED_TO_CLIENT = [
  'content-type',
  'cache-control',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
] as const;

/** The client's headers for the upstream, as a flat list of names and values. */
export function upstreamHeaders(request: IncomingMessage): string[] {
  const raw = request.rawHeaders;
  const named = request.headers.connection?.toLowerCase().split(/[\s,]+/);
  const headers = ['accept-encoding', 'identity'];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]?.toLowerCase() ?? '';
    if (KEPT_FROM_UPSTREAM.has(name) || KEPT_PREFIXES.test(name)) continue;
    if (named?.includes(name) === true) continue;
    headers.push(name, raw[index + 1] ?? '');
  }
  return headers;
}

/** The upstream's headers for the client. The request id is always ours. */
export function clientHeaders(upstream: IncomingHttpHeaders, requestId: string) {
  const headers: Record<string, string> = { 'request-id': requestId };
  for (const name of RELAYED_TO_CLIENT) {
    const value = upstream[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/** The query of a request target with its "?", or nothing. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark);
}
