import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** One request that went to the processor, without its credentials, and what came back. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  /** As on the wire: names with brackets, values as text. */
  readonly params: readonly (readonly [name: string, value: string])[];
  readonly idempotencyKey: string | undefined;
  readonly status: number;
  /** The processor says it did the work before and repeats its answer. */
  readonly replayed: boolean;
  /** Of the object that was answered. */
  readonly objectId: string | undefined;
}

/** The way from the product to the processor, where it can be watched and broken. */
export interface Line {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Which answers break off in the middle: it was done, and nobody was told. */
  breakAnswers(which: Broken): void;
  close(): Promise<void>;
}

/** `first`: the first one under every idempotency key; repeating the call gets through. */
export type Broken = 'none' | 'first' | 'all';

export interface LineOptions {
  readonly processorUrl: string;
  /** Between two requests, so that the limits of a test account are kept. */
  readonly spacingMs: number;
}

const BODY_BYTES_MAX = 1_000_000;
const NOT_OURS = new Set(['host', 'connection', 'content-length', 'accept-encoding', 'keep-alive']);
const NOT_THEIRS = new Set([
  ...['connection', 'content-length', 'content-encoding', 'transfer-encoding', 'keep-alive'],
]);

export async function openLine(options: LineOptions): Promise<Line> {
  const asked: Asked[] = [];
  const seenKeys = new Set<string>();
  let broken: Broken = 'none';
  let turn = Promise.resolve();
  const server = createServer((request, response) => {
    const mine = turn;
    turn = mine.then(() => pause(options.spacingMs));
    mine
      .then(() => forward(request, response))
      // The processor is out of reach, and so are we.
      .catch(() => response.destroy());
  });

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const { method = 'GET', url = '/' } = request;
    const answer = await fetch(new URL(url, options.processorUrl), {
      method,
      redirect: 'manual',
      headers: headersOf(request),
      ...(method === 'GET' ? {} : { body }),
    });
    const text = await answer.text();
    const key = request.headers['idempotency-key'];
    const idempotencyKey = typeof key === 'string' ? key : undefined;
    asked.push({
      ...{ method, path: url.split('?')[0] ?? url, idempotencyKey, status: answer.status },
      params: paramsOf(method === 'GET' ? (url.split('?')[1] ?? '') : body),
      replayed: answer.headers.get('idempotent-replayed') === 'true',
      objectId: idOf(text),
    });
    const headers = [...answer.headers].filter(([name]) => !NOT_THEIRS.has(name));
    response.writeHead(answer.status, [
      ...headers.flat(),
      ...['content-length', String(Buffer.byteLength(text))],
    ]);
    const first = idempotencyKey !== undefined && !seenKeys.has(idempotencyKey);
    if (idempotencyKey !== undefined) seenKeys.add(idempotencyKey);
    if (broken === 'none' || (broken === 'first' && !first)) {
      response.end(text);
      return;
    }
    response.write(text.slice(0, text.length / 2), () => response.destroy());
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the line has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    breakAnswers(which) {
      broken = which;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function headersOf(request: IncomingMessage): [string, string][] {
  return Object.entries(request.headers).flatMap(([name, value]) =>
    typeof value === 'string' && !NOT_OURS.has(name) ? [[name, value]] : [],
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) throw new Error('a request larger than anything we ask');
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const paramsOf = (form: string): (readonly [string, string])[] => [...new URLSearchParams(form)];

function idOf(text: string): string | undefined {
  try {
    const id: unknown = Reflect.get(Object(JSON.parse(text)), 'id');
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

const IDS =
  /\/(cus|pm|card|seti|pi|ch|py|re|pyr|du|dp|in|il|txn|evt|we|cs|issfr|mandate|taxcalc|cn|prod|txi)_\w+/g;

/** As the SDK writes it: `POST /v1/customers/:id`. */
export const addressOf = ({ method, path }: Pick<Asked, 'method' | 'path'>): string =>
  `${method} ${path.replace(IDS, '/:id')}`;
