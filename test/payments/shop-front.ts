import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One webhook as it arrived: the body's bytes, unparsed. */
export interface Delivered {
  readonly body: Buffer;
  readonly signature: string;
  /** What it must be signed with. */
  readonly secret: string;
}

/** The shop as seen from outside: browsers come back to it, and webhooks arrive. */
export interface ShopFront {
  readonly origin: string;
  readonly received: readonly Delivered[];
  close(): Promise<void>;
}

export async function openShopFront(secret: string, port = 0): Promise<ShopFront> {
  const received: Delivered[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const signature = request.headers['stripe-signature'];
      if (typeof signature === 'string') {
        received.push({ body: Buffer.concat(chunks), signature, secret });
      }
      response.writeHead(200, { 'content-type': 'text/plain' }).end('Back in the shop.');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the shop has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    received,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
