import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';

export interface Received {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** What comes next is answered so; undefined leaves it without an answer. */
  answer: number | undefined | ((to: Received, reply: ServerResponse) => void);
  close(): Promise<void>;
}

/** A customer's server, on this machine. */
export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', method = '', headers } = request;
      const one = { path, method, headers, body: Buffer.concat(chunks).toString('utf8') };
      receiver.received.push(one);
      if (typeof receiver.answer === 'function') receiver.answer(one, reply);
      else if (receiver.answer !== undefined) reply.writeHead(receiver.answer).end('thanks');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hooks?tenant=1`,
    received: [],
    answer: 204,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return receiver;
}

/**
 * Verification as the specification of Standard Webhooks words it, written from it and not from our
 * signing: the secret's bytes after `whsec_`; HMAC-SHA256 over id, timestamp and raw body with full
 * stops between; any `v1` signature of the list may match; at most five minutes off.
 */
export function accepts(secret: string, one: Received, now = new Date()): boolean {
  const read = (name: string): string => {
    const value = one.headers[name];
    return typeof value === 'string' ? value : '';
  };
  const [id, timestamp] = [read('webhook-id'), read('webhook-timestamp')];
  const age = Math.abs(now.getTime() / 1_000 - Number.parseInt(timestamp, 10));
  if (id === '' || !/^\d+$/.test(timestamp) || age > 300) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key);
  for (const part of [id, '.', timestamp, '.', one.body]) mac.update(part, 'utf8');
  const expected = mac.digest();
  return read('webhook-signature')
    .split(' ')
    .filter((entry) => entry.startsWith('v1,'))
    .map((entry) => Buffer.from(entry.slice(3), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}
