import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { assertOutsideTransaction } from '#db/transaction';
import { classifyAddress, isAddress } from '#outgoing-webhooks/address';
import type { Post, Posted, Posting } from '#outgoing-webhooks/post';
import type { Target } from '#outgoing-webhooks/target';

/** The addresses of a name. A name without any answers none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface PostOptions {
  readonly resolve: Resolve;
  /** Which addresses are whose; asked of every address before anything is connected to. */
  readonly classify?: typeof classifyAddress;
  readonly connectTimeoutMs?: number;
  /** For everything, from the first question about the name. */
  readonly totalTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Standard Webhooks recommends 15 to 30 seconds. */
const TOTAL_TIMEOUT_MS = 15_000;
const HEADER_BYTES_MAX = 16_384;
/** Read to be polite, since some servers mind being cut off; nothing of it is kept. */
const BODY_BYTES_READ = 4_096;

/** The one place that calls a customer's server. No proxy of the environment is asked. */
export function webhookPost(options: PostOptions): Post {
  return async (posting) => {
    assertOutsideTransaction('a webhook');
    const signal = AbortSignal.timeout(options.totalTimeoutMs ?? TOTAL_TIMEOUT_MS);
    try {
      const addresses = await inTime(addressesOf(posting.target, options), signal);
      if (addresses.length === 0) return { outcome: 'no_public_address' };
      return await send(posting, addresses, signal, options);
    } catch (error) {
      return { outcome: signal.aborted ? 'timed_out' : failureOf(error) };
    }
  };
}

/**
 * One name server's word, asked by ourselves: neither the machine's list of hosts nor its search
 * domains can turn a name into a machine beside ours.
 */
export function nameServers(): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return async (name) => {
    const asked = [resolver.resolve4(name), resolver.resolve6(name)];
    return (await Promise.all(asked.map((found) => found.catch(() => [])))).flat();
  };
}

/** None if any of them is not allowed: of a name that also leads inside, nothing good is meant. */
async function addressesOf(
  target: Target,
  { resolve, classify = classifyAddress }: PostOptions,
): Promise<readonly string[]> {
  const allowed = target.loopback ? 'loopback' : 'public';
  const found = isAddress(target.host)
    ? [target.host]
    : target.loopback
      ? ['127.0.0.1']
      : await resolve(target.host);
  return found.every((address) => classify(address) === allowed) ? found : [];
}

async function send(
  { target, headers, body }: Posting,
  addresses: readonly string[],
  signal: AbortSignal,
  options: PostOptions,
): Promise<Posted> {
  const agent = new Agent({
    // What was judged is what is connected to: nobody is asked a second time, who might say else.
    connect: {
      lookup: pinned(addresses),
      timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    },
    // One connection for one attempt: none is left open to whoever answers there later.
    connections: 1,
    pipelining: 0,
    allowH2: false,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  try {
    const { origin, pathname, search } = target.url;
    const answer = await agent.request({
      ...{ origin, path: `${pathname}${search}`, method: 'POST', signal },
      headers: { ...headers },
      body,
    });
    // The status is the answer; whatever becomes of the body changes nothing any more.
    await readSome(answer.body).catch(() => {});
    const retryAfterSeconds = secondsOf(answer.headers['retry-after']);
    return { outcome: 'answered', status: answer.statusCode, ...retryAfterSeconds };
  } finally {
    await agent.destroy();
  }
}

const pinned = (addresses: readonly string[]): LookupFunction =>
  function lookup(_name, options, answer) {
    const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const [first] = all;
    if (options.all === true) answer(null, all);
    else answer(null, first?.address ?? '', first?.family ?? 0);
  };

async function readSome(body: Dispatcher.ResponseData['body']): Promise<void> {
  let read = 0;
  for await (const chunk of body) {
    read += Buffer.byteLength(chunk);
    if (read >= BODY_BYTES_READ) break;
  }
}

/** Seconds as digits; a date is not worth trusting a stranger's clock for. */
function secondsOf(header: string | string[] | undefined): { retryAfterSeconds?: number } {
  if (typeof header !== 'string' || !/^\d{1,9}$/.test(header)) return {};
  return { retryAfterSeconds: Number.parseInt(header, 10) };
}

function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('out of time')), { once: true });
    work.then(resolve, reject);
  });
}

type Failure = Exclude<Posted['outcome'], 'answered' | 'no_public_address'>;

const CODES: readonly (readonly [RegExp, Failure])[] = [
  [
    /^UND_ERR_CONNECT_TIMEOUT$|^ECONNREFUSED$|^E(?:HOST|NET)UNREACH$|^EADDRNOTAVAIL$/,
    'unreachable',
  ],
  [/^UND_ERR_(?:HEADERS|BODY)_TIMEOUT$|^ETIMEDOUT$/, 'timed_out'],
  [/^ERR_(?:TLS|SSL)|CERT|^EPROTO$|^UNABLE_TO|HOSTNAME_MISMATCH|SELF_SIGNED/, 'tls_failed'],
];

function failureOf(error: unknown): Failure {
  const codes = codesOf(error);
  const known = CODES.find(([pattern]) => codes.some((code) => pattern.test(code)));
  return known?.[1] ?? 'broke_off';
}

/** Of the error, and of those it was made of when several addresses were tried. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const code: unknown = Reflect.get(error, 'code');
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(error.cause), ...inner];
}
