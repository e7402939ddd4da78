import { createServer, type Server } from 'node:net';
import type { Config, Ports } from '#src/config';
import { StartRefused } from '#src/start/refusal';

const VARIABLES: Readonly<Record<keyof Ports, string>> = {
  console: 'BURSAR_CONSOLE_PORT',
  gateway: 'BURSAR_GATEWAY_PORT',
  stripeSim: 'BURSAR_STRIPE_SIM_PORT',
  modelSim: 'BURSAR_MODEL_SIM_PORT',
  ops: 'BURSAR_OPS_PORT',
};

/**
 * Settles every port before anything starts: links need the Console's address, and a taken port
 * is told at once by the name of its variable. All are held until all are known, so no free port
 * is handed out twice.
 */
export async function choosePorts(
  config: Config,
  needed: readonly (keyof Ports)[],
): Promise<Ports> {
  const chosen = { ...config.ports };
  const held: Server[] = [];
  try {
    for (const name of needed) {
      const port = config.ports[name];
      const one = await (port === 0 ? holdFree(config.host, name) : hold(config.host, port, name));
      held.push(one.server);
      chosen[name] = one.port;
    }
  } finally {
    await Promise.all(
      held.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }
  return chosen;
}

interface Held {
  readonly server: Server;
  readonly port: number;
}

/**
 * Below where systems take the ports of outgoing connections from: between a port's choice and its
 * use, a connection of anybody's could be given it. Where to look first is a matter of the process,
 * so that two that start together do not choose the same.
 */
const FREE_FROM = 20_000;
const FREE_PORTS = 12_000;
const PER_PROCESS = 16;

async function holdFree(host: string, name: keyof Ports): Promise<Held> {
  for (let turn = 0; turn < FREE_PORTS; turn += 1) {
    const port = FREE_FROM + ((process.pid * PER_PROCESS + turn) % FREE_PORTS);
    try {
      return await listen(host, port);
    } catch (error) {
      // Anything else is wrong with every port.
      if (codeOf(error) !== 'EADDRINUSE') break;
    }
  }
  return await hold(host, 0, name);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

async function hold(host: string, port: number, name: keyof Ports): Promise<Held> {
  const variable = VARIABLES[name];
  try {
    return await listen(host, port);
  } catch (error) {
    const code = codeOf(error);
    throw new StartRefused(
      code === 'EADDRINUSE'
        ? `Port ${port} is taken. Set ${variable} to another one, or to 0 for any free one.`
        : `${variable}: cannot listen on ${host}:${port} (${code}).`,
    );
  }
}

const listen = (host: string, port: number): Promise<Held> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ server, port: taken });
    });
  });

export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
