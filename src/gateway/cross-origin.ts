import type { onRequestHookHandler } from 'fastify';
import { sendRefusal } from '#gateway/guard';

/** What a page says to show that it knows it hands its key to everybody who opens it. */
const OPT_IN = 'anthropic-dangerous-direct-browser-access';
const PREFLIGHT_SECONDS = 600;
const METHODS = 'GET, POST, DELETE, HEAD';

/**
 * Pages of other origins may call if they ask for it, as in the public API. Keys travel in headers
 * and never in cookies, so whoever has one may use it from anywhere.
 */
export const admitOrigin: onRequestHookHandler = (request, reply, done) => {
  const { headers, method } = request;
  const { origin } = headers;
  if (origin === undefined || origin.replace(/^https?:\/\//, '') === headers.host) return done();
  if (method === 'OPTIONS' && headers['access-control-request-method'] !== undefined) {
    const asked = headers['access-control-request-headers'] ?? '';
    const names = asked.toLowerCase().split(/[\s,]+/);
    if (names.includes(OPT_IN)) {
      reply.headers({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': names.join(', '),
        'access-control-max-age': PREFLIGHT_SECONDS,
      });
    }
    reply.code(204).send();
    return;
  }
  if (headers[OPT_IN] === undefined) {
    sendRefusal(request, reply, 'browser_access_not_asked');
    return;
  }
  // On the raw answer, where streams are written; refusals need it too, or no page can read them.
  reply.raw.setHeader('access-control-allow-origin', '*');
  reply.raw.setHeader('access-control-expose-headers', '*');
  done();
};
