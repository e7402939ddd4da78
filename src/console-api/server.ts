import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createApp } from '#http/app';
import type { LoggerOptions } from '#http/request-log';
import type { ConsoleDeps } from './deps.ts';
import { securityHeaders, servePages } from './pages.ts';
import { refuseFailure } from './refusals.ts';
import { registerConsoleApi } from './register.ts';
import { readViewer } from './viewer.ts';

export interface ConsoleServerDeps extends ConsoleDeps {
  readonly logger: LoggerOptions;
  readonly version: string;
  /** Origin of the page where cards are typed in. */
  readonly payOrigin?: string;
  /** Where the built pages lie; the checkout's own unless told. */
  readonly webDirectory?: string;
  /** More routes on the same port: the composition hands in the webhooks, as edges never meet. */
  readonly register?: (app: FastifyInstance) => Promise<void> | void;
}

export interface Console {
  readonly app: FastifyInstance;
  /** Resolves with the address, e.g. `http://127.0.0.1:4000`. Port 0 takes any free one. */
  listen(host: string, port: number): Promise<string>;
  /** Ends open requests' service and stops listening. */
  close(): Promise<void>;
}

const BUILT_PAGES = fileURLToPath(new URL('../../dist/web', import.meta.url));

export async function createConsole(deps: ConsoleServerDeps): Promise<Console> {
  const app = await createApp({
    entropy: deps.entropy,
    logger: deps.logger,
    ownErrors: true,
    about: {
      title: `${deps.brand} Console`,
      version: deps.version,
      description: 'What the Console asks its server for. It changes with the pages.',
    },
  });
  const pages = {
    webDirectory: deps.webDirectory ?? BUILT_PAGES,
    consoleUrl: deps.consoleUrl,
    isOperator: async (request: FastifyRequest) =>
      (await readViewer(deps, request))?.operator === true,
    ...(deps.payOrigin === undefined ? {} : { payOrigin: deps.payOrigin }),
  };
  securityHeaders(app, pages);
  app.setErrorHandler(refuseFailure);
  await registerConsoleApi(app, deps);
  await deps.register?.(app);
  await servePages(app, pages);
  return {
    app,
    listen: (host, port) => app.listen({ host, port }),
    close: () => app.close(),
  };
}
