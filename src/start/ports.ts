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
      const server = createServer();
      held.push(server);
      chosen[name] = await listen(server, config.host, config.ports[name], VARIABLES[name]);
    }
  } finally {
    await Promise.all(
      held.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }
  return chosen;
}

const listen = (server: Server, host: string, port: number, variable: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => {
      const problem =
        error.code === 'EADDRINUSE'
          ? `Port ${port} is taken. Set ${variable} to another one, or to 0 for any free one.`
          : `${variable}: cannot listen on ${host}:${port} (${error.code ?? error.message}).`;
      reject(new StartRefused(problem));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });

export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
