import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client';

export interface OpsOptions {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly role: string;
  /** Whether requests should be sent here: everything runs, nothing is being stopped. */
  readonly ready: () => Promise<boolean>;
  /** The upstreams of this process, where it is a gateway. */
  readonly upstreams?: () => readonly { readonly name: string; readonly state: string }[];
}

export interface Ops {
  close(): Promise<void>;
}

export const UPSTREAM_UP = 'bursar_upstream_up';

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, value: unknown): Reply => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

/** For the people and machines who keep it running. No customer's data, hence no sign-in. */
export async function startOps(options: OpsOptions): Promise<Ops> {
  const registry = metricsOf(options);
  const routes: Readonly<Record<string, () => Promise<Reply>>> = {
    '/healthz': async () => json(200, { status: 'ok' }),
    '/readyz': async () =>
      (await options.ready()) ? json(200, { status: 'ready' }) : json(503, { status: 'not_ready' }),
    '/metrics': async () => ({
      status: 200,
      type: registry.contentType,
      body: await registry.metrics(),
    }),
    '/version': async () =>
      json(200, { version: options.version, node: process.versions.node, role: options.role }),
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const route = request.method === 'GET' ? routes[path] : undefined;
    const answer =
      route === undefined ? Promise.resolve(json(404, { status: 'not_found' })) : route();
    answer
      .catch(() => json(500, { status: 'failed' }))
      .then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(body);
      });
  });
  await listening(server, options);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function metricsOf(options: OpsOptions): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'bursar_ready',
    help: '1 while requests should be sent here',
    registers: [registry],
    async collect() {
      this.set((await options.ready()) ? 1 : 0);
    },
  });
  const { upstreams } = options;
  if (upstreams !== undefined) {
    new Gauge({
      name: UPSTREAM_UP,
      help: '0 while an upstream fails or refuses its key, so that others are asked instead',
      labelNames: ['upstream'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name, state } of upstreams()) {
          this.set({ upstream: name }, state === 'closed' ? 1 : 0);
        }
      },
    });
  }
  const info = new Gauge({
    name: 'bursar_info',
    help: 'What runs here',
    labelNames: ['version', 'role'],
    registers: [registry],
  });
  info.set({ version: options.version, role: options.role }, 1);
  return registry;
}

const listening = (server: Server, { host, port }: OpsOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
