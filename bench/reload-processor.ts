import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A processor that takes its time, and notes when it was asked to charge a card. */
export interface SlowProcessor {
  readonly url: string;
  /** Of each organization, when requests to charge its card arrived, oldest first. */
  charges(organizationId: string): readonly number[];
  close(): Promise<void>;
}

const HOP = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive']);

/** In front of the simulator: every request is answered `answerMs` after it arrived. */
export async function slowProcessor(simulatorUrl: string, answerMs: number) {
  const charges = new Map<string, number[]>();
  const server = createServer((request, response) => {
    const arrivedAt = now();
    answer(request, response, arrivedAt).catch(() => response.destroy());
  });

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    arrivedAt: number,
  ): Promise<void> {
    const body = await read(request);
    const { method = 'GET', url = '/' } = request;
    if (method === 'POST' && url === '/v1/payment_intents') {
      const organization = new URLSearchParams(body).get('metadata[org_id]') ?? '';
      charges.set(organization, [...(charges.get(organization) ?? []), arrivedAt]);
    }
    const done = await fetch(new URL(url, simulatorUrl), {
      method,
      headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' && !HOP.has(name) ? [[name, value]] : [],
      ),
      ...(method === 'GET' ? {} : { body }),
    });
    const text = await done.text();
    await pause(Math.max(0, arrivedAt + answerMs - now()));
    response.writeHead(done.status, [
      ...[...done.headers].filter(([name]) => !HOP.has(name)).flat(),
      ...['content-length', String(Buffer.byteLength(text))],
    ]);
    response.end(text);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port to listen on');
  const made: SlowProcessor = {
    url: `http://127.0.0.1:${address.port}`,
    charges: (organizationId) => charges.get(organizationId) ?? [],
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return made;
}

/** Milliseconds that several processes of one machine agree on. */
export const now = (): number => performance.timeOrigin + performance.now();

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
