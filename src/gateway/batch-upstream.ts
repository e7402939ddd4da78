import type { IncomingHttpHeaders } from 'node:http';
import {
  type BatchUpstream,
  type ResultsRead,
  readUpstreamBatch,
  type UpstreamBatch,
} from '#batches/upstream-batch';
import type { Reading, Upstream, UpstreamCall } from '#gateway/upstream';
import type { NamedUpstream } from '#gateway/upstream-pool';
import { wholeBody } from '#gateway/whole';
import type { RefusalCode } from '#http/wire-errors';

/** An answer of the upstream about batches, or why there is none. */
export type WholeAnswer =
  | {
      readonly outcome: 'answered';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  | { readonly outcome: 'failed'; readonly code: RefusalCode };

/** The upstreams there are: a batch goes on where it was begun. */
export interface BatchFleet {
  /** The first without a name; undefined if the configuration has it no more. */
  at(name?: string | null): NamedUpstream | undefined;
}

export const BATCHES_PATH = '/v1/messages/batches';
const ANSWER_BYTES_MAX = 1_048_576;
const PATIENCE_MS = 30_000;
const OWN_HEADERS = ['anthropic-version', '2023-06-01', 'accept-encoding', 'identity'];
const empty = Buffer.alloc(0);

/** With `patienceMs` it is given up after that long; else the upstream's own time-outs decide. */
export function askWhole(
  upstream: Upstream,
  call: UpstreamCall,
  patienceMs?: number,
): Promise<WholeAnswer> {
  let timer: NodeJS.Timeout | undefined;
  const asked = new Promise<WholeAnswer>((resolve) => {
    const failed = (code: RefusalCode): void => resolve({ outcome: 'failed', code });
    const abort = upstream.call(call, {
      start: (status, headers, reading) =>
        wholeBody(ANSWER_BYTES_MAX, reading, (result) => {
          if (result.how !== 'whole') return failed('upstream_malformed');
          // A redirect, or a refusal of the operator's key, says nothing to this client.
          const ours = status === 401 || status === 402 || (status >= 300 && status < 400);
          if (ours) return failed('upstream_misconfigured');
          resolve({ outcome: 'answered', status, headers, body: result.body });
        }),
      failed: (why) => failed(why === 'timed_out' ? 'upstream_timed_out' : 'upstream_unreachable'),
    });
    if (patienceMs === undefined) return;
    timer = setTimeout(() => {
      failed('upstream_timed_out');
      abort('an answer about a batch takes too long');
    }, patienceMs);
  });
  return asked.finally(() => clearTimeout(timer));
}

/** What is asked about one batch: never about its content. */
export const askAbout = (
  upstream: Upstream,
  method: UpstreamCall['method'],
  upstreamId: string,
  verb = '',
): Promise<WholeAnswer> => askWhole(upstream, ownCall(method, upstreamId, verb), PATIENCE_MS);

/** The batch an answer describes; undefined if it describes none. */
export function batchIn(answer: WholeAnswer): UpstreamBatch | undefined {
  if (answer.outcome !== 'answered' || answer.status !== 200) return undefined;
  try {
    return readUpstreamBatch(JSON.parse(answer.body.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** A call of our own: nothing of a client's goes with it. */
const ownCall = (method: UpstreamCall['method'], upstreamId: string, verb = ''): UpstreamCall => ({
  method,
  path: `${BATCHES_PATH}/${upstreamId}${verb}`,
  headers: OWN_HEADERS,
  body: empty,
});

export const batchUpstream = (upstream: Upstream): BatchUpstream => ({
  read: async (id) => batchIn(await askAbout(upstream, 'GET', id)),
  cancel: async (id) => batchIn(await askAbout(upstream, 'POST', id, '/cancel')),
  results: (id, take) => readParts(upstream, ownCall('GET', id, '/results'), take),
});

/** One part after the other: while one is being taken, the upstream is not read. */
function readParts(
  upstream: Upstream,
  call: UpstreamCall,
  take: (part: Buffer) => Promise<void>,
): Promise<ResultsRead> {
  return new Promise((resolve, reject) => {
    let taking = Promise.resolve();
    let over = false;
    function part(chunk: Buffer, reading: Reading): void {
      reading.pause();
      taking = taking
        .then(() => (over ? undefined : take(chunk)))
        .then(
          () => reading.resume(),
          (error: unknown) => {
            over = true;
            reject(error);
            reading.abort('its reader failed');
          },
        );
    }
    upstream.call(call, {
      start: (status, _headers, reading) => ({
        data: (chunk) => {
          // An empty part says that the connection is closing. To pause for it would be told again.
          if (status === 200 && chunk.length > 0) part(chunk, reading);
        },
        end: () => {
          const read = status === 200 ? 'whole' : status === 404 ? 'gone' : 'broken';
          void taking.then(() => resolve(read));
        },
        failed: () => void taking.then(() => resolve('broken')),
      }),
      failed: () => resolve('broken'),
    });
  });
}
