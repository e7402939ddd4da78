import type { FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from './refusals.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface BrowserSays {
  readonly method: string;
  readonly secFetchSite: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
}

/**
 * Whether another site's page may be behind a request that changes something. Browsers say where a
 * request comes from in headers that pages cannot set. A request with neither header is no
 * browser's, and a program has no cookie of a person to abuse.
 */
export function isCrossSite(says: BrowserSays, consoleOrigin: string): boolean {
  if (SAFE_METHODS.has(says.method)) return false;
  if (says.secFetchSite !== undefined && says.secFetchSite !== 'same-origin') return true;
  if (says.origin === undefined) return false;
  if (says.origin === consoleOrigin) return false;
  // The same server under another name of its host, such as localhost for 127.0.0.1.
  return !URL.canParse(says.origin) || new URL(says.origin).host !== says.host;
}

const one = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;

export function refuseCrossSite(consoleUrl: string) {
  const consoleOrigin = new URL(consoleUrl).origin;
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    const says: BrowserSays = {
      method: request.method,
      secFetchSite: one(request.headers['sec-fetch-site']),
      origin: request.headers.origin,
      host: request.headers.host,
    };
    return isCrossSite(says, consoleOrigin) ? refuse(reply, 'cross_site') : undefined;
  };
}
