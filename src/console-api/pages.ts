import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from './refusals.ts';

export interface PagesOptions {
  /** Where the built pages lie. */
  readonly webDirectory: string;
  /** Where cards are typed in; the browser may be sent there and nowhere else. */
  readonly payOrigin?: string;
  readonly consoleUrl: string;
}

/** The reference at /docs starts itself with a script in its page; it shows no data of anybody. */
const DOCS = /^\/docs(?:$|[/?])/;

function contentPolicy(options: PagesOptions, forDocs: boolean): string {
  const pay = options.payOrigin === undefined ? '' : ` ${new URL(options.payOrigin).origin}`;
  const inline = forDocs ? " 'unsafe-inline'" : '';
  return [
    "default-src 'self'",
    `script-src 'self'${inline}`,
    `style-src 'self'${inline}`,
    "img-src 'self' data:",
    "font-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    `form-action 'self'${pay}`,
    "frame-ancestors 'none'",
  ].join('; ');
}

/** On every answer of the Console, whatever it is. */
export function securityHeaders(app: FastifyInstance, options: PagesOptions): void {
  const strict = contentPolicy(options, false);
  const docs = contentPolicy(options, true);
  const encrypted = options.consoleUrl.startsWith('https:');
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      // Unless a route knows better, what is answered is somebody's and stays with them.
      'cache-control': 'no-store',
      'content-security-policy': DOCS.test(request.url) ? docs : strict,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // Sign-in links carry a secret in their address; no other site may learn it.
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
      ...(encrypted ? { 'strict-transport-security': 'max-age=31536000' } : {}),
    });
  });
}

const NOT_PAGES = /^\/(?:api|webhooks|assets)(?:$|[/?])/;

const wantsPage = (request: FastifyRequest): boolean =>
  (request.method === 'GET' || request.method === 'HEAD') && !NOT_PAGES.test(request.url);

/** The addresses of the router in web/src/app: anything else gets the page that says so, as a 404. */
const PAGES =
  /^\/(?:sign-in|settings(?:\/(?:billing(?:\/(?:return|card))?|keys|limits|notices))?|organizations\/new|notices|mailbox)?\/?$/;

/** Serves the built pages; an address only the browser knows is answered with the page itself. */
export async function servePages(app: FastifyInstance, options: PagesOptions): Promise<void> {
  const built = (): boolean => existsSync(join(options.webDirectory, 'index.html'));
  await app.register(fastifyStatic, {
    root: options.webDirectory,
    suppressWarning: true,
    cacheControl: false,
    setHeaders(reply, path) {
      // Names under assets/ contain a hash of their content; everything else may change.
      const hashed = path.includes('/assets/');
      const value = hashed ? 'public, max-age=31536000, immutable' : 'no-cache';
      reply.header('cache-control', value);
    },
  });
  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    if (!wantsPage(request)) return refuse(reply, 'not_found');
    if (built()) {
      const path = request.url.split('?', 1)[0] ?? '';
      return reply.code(PAGES.test(path) ? 200 : 404).sendFile('index.html');
    }
    return reply
      .code(503)
      .type('text/plain; charset=utf-8')
      .send('The pages of the Console are not built. Run: npm run build:web\n');
  });
}
