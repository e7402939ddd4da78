import { createServer } from 'node:http';
import { Pool } from 'undici';

/**
 * The yardstick: the least a Node process can do to pass a request on. No key, no price, no ledger.
 * Run as a process of its own: bench/bare-proxy.ts UPSTREAM_URL; prints its URL.
 */
const upstream = new Pool(process.argv[2] ?? '');

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { host, connection, ...headers } = request.headers;
    const body = Buffer.concat(chunks);
    upstream.dispatch(
      { path: request.url ?? '/', method: 'POST', headers, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, responseHeaders) {
          delete responseHeaders.connection;
          delete responseHeaders['keep-alive'];
          response.writeHead(status, responseHeaders);
        },
        onResponseData(_controller, chunk) {
          response.write(chunk);
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          response.destroy();
        },
      },
    );
  });
});

server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  console.log(`http://127.0.0.1:${address.port}`);
});
process.stdin.resume().on('end', () => process.exit(0));
