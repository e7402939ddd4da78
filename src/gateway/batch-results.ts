import type { ServerResponse } from 'node:http';
import type { Batch } from '#batches/records';
import { type SettleDeps, settleBatch } from '#batches/settle';
import { type RefusalCode, wireError } from '#http/wire-errors';

/** A client that takes nothing for this long has left. */
const STALL_MS = 60_000;

/** Thrown into the reading of results that nobody takes any more. */
class ClientGone extends Error {}

/**
 * Sends the results of a batch that has ended. What is not booked yet is booked on the way, and goes
 * on being booked if the client leaves; of a booked batch the bytes pass as they are.
 */
export async function sendResults(
  deps: SettleDeps,
  batch: Batch,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const { upstreamId } = batch;
  const client = resultsClient(response, requestId);
  if (batch.state === 'settled' && upstreamId !== null) {
    const read = await deps.upstream
      .results(upstreamId, async (part) => {
        if (!(await client.write(part))) throw new ClientGone();
      })
      .catch((error: unknown) => {
        if (error instanceof ClientGone) return undefined;
        throw error;
      });
    if (read === 'whole') client.end();
    else client.fail(read === 'gone' ? 'not_found' : 'upstream_unreachable');
    return;
  }
  const settled = await settleBatch(deps, batch, async (bytes) => {
    await client.write(bytes);
  });
  if (settled === 'settled') client.end();
  else client.fail(settled === 'no_results' ? 'upstream_unreachable' : settled);
}

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
