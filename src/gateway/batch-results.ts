import type { ServerResponse } from 'node:http';
import type { Batch } from '#batches/records';
import { type SettleDeps, type Settled, settleBatch } from '#batches/settle';
import { type RefusalCode, wireError } from '#http/wire-errors';

/** A client that takes nothing for this long has left. */
const STALL_MS = 60_000;

/** Thrown into the reading of results that nobody takes any more. */
class ClientGone extends Error {}

/**
 * Sends the results of a batch that has ended, line by line: only lines of its own items that are
 * booked. What is not booked yet is booked on the way, and goes on being booked if the client leaves.
 */
export async function sendResults(
  deps: SettleDeps,
  batch: Batch,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const client = resultsClient(response, requestId);
  const booked = batch.state === 'settled';
  const settled = await settleBatch(deps, batch, async (bytes) => {
    if (!(await client.write(bytes)) && booked) throw new ClientGone();
  }).catch((error: unknown) => {
    if (error instanceof ClientGone) return undefined;
    throw error;
  });
  if (settled === undefined) return;
  if (settled === 'settled') client.end();
  else client.fail(UNSETTLED[settled]);
}

/** What a customer is told of results that could not be booked whole. */
export const UNSETTLED = {
  no_results: 'upstream_unreachable',
  results_gone: 'not_found',
  upstream_removed: 'upstream_removed',
  ledger_unavailable: 'ledger_unavailable',
} as const satisfies Record<Exclude<Settled, 'settled'>, RefusalCode>;

interface ResultsClient {
  /** Resolves when more may be written; false if nobody is there. */
  write(bytes: Buffer): Promise<boolean>;
  end(): void;
  /** As a refusal, or, if something was sent already, so that the client can tell it is broken. */
  fail(code: RefusalCode): void;
}

function resultsClient(response: ServerResponse, requestId: string): ResultsClient {
  let gone = response.destroyed;
  response.on('close', () => {
    gone = true;
  });
  // The close that follows says all there is to know.
  response.on('error', () => {});
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'application/x-jsonl', 'request-id': requestId });
  };
  return {
    async write(bytes) {
      if (gone) return false;
      begin();
      if (!response.write(bytes)) await drained(response);
      return !gone;
    },
    end() {
      if (gone) return;
      begin();
      response.end();
    },
    fail(code) {
      if (gone) return;
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const error = wireError(code, { requestId });
      response.writeHead(error.status, { ...error.headers });
      response.end(error.body);
    },
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(() => response.destroy(), STALL_MS);
    response.on('drain', done);
    response.on('close', done);
  });
}
