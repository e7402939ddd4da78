import type { FastifyServerOptions } from 'fastify';

export type LoggerOptions = Exclude<FastifyServerOptions['logger'], undefined>;

const SECRET_HEADERS = ['authorization', 'x-api-key', 'cookie', 'proxy-authorization'] as const;

const secretPaths = SECRET_HEADERS.flatMap((name) => [
  `req.headers["${name}"]`,
  `headers["${name}"]`,
]);

/**
 * Requests are logged by an allow-list of fields: a key, a prompt or a query parameter cannot get
 * into a log line by being new. The redaction catches what other code logs by hand.
 */
export function requestLogger(options: LoggerOptions): LoggerOptions {
  if (typeof options === 'boolean') return options ? requestLogger({}) : false;
  return {
    ...options,
    redact: { paths: secretPaths, censor: '[redacted]' },
    serializers: {
      req: (request: { id: string; method: string; url: string }) => ({
        id: request.id,
        method: request.method,
        path: request.url.split('?', 1)[0],
      }),
      res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
    },
  };
}
