import type { ServerResponse } from 'node:http';
import type { StreamPlan } from './stream.ts';

/** Error types of the Messages API with the status each of them has. */
const statuses = {
  invalid_request_error: 400,
  authentication_error: 401,
  not_found_error: 404,
  request_too_large: 413,
  api_error: 500,
  overloaded_error: 529,
} as const;

export type ErrorType = keyof typeof statuses;

// Connections broken by a scenario, so that they are not taken for callers who went away.
const brokenOnPurpose = new WeakSet<ServerResponse>();

// Small writes are gathered up to this size when no pacing was asked for.
const gatherBytes = 16_384;

export function sendJson(
  res: ServerResponse,
  status: number,
  body: string,
  requestId: string,
): void {
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'request-id': requestId,
  });
  res.end(body);
}

export function sendError(
  res: ServerResponse,
  type: ErrorType,
  message: string,
  requestId: string,
): void {
  const body = { type: 'error', error: { type, message }, request_id: requestId };
  sendJson(res, statuses[type], JSON.stringify(body), requestId);
}

/** Announces the whole body, sends half of it and breaks the connection. */
export function sendHalf(res: ServerResponse, body: string, requestId: string): void {
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'request-id': requestId,
  });
  const bytes = Buffer.from(body);
  res.write(bytes.subarray(0, bytes.length >> 1), () => breakConnection(res));
}

/**
 * Walks a stream plan. Without pacing, events are gathered into large writes; with `chunkMs`, each
 * event is a write of its own and the pause comes after it. Stops at once when the client is gone.
 */
export async function sendStream(
  res: ServerResponse,
  plan: StreamPlan,
  chunkMs: number,
  requestId: string,
): Promise<void> {
  res.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'request-id': requestId,
  });
  const writes = chunkMs > 0 ? plan.events : gather(plan.events);
  const last = plan.ending === 'end' ? writes.length - 1 : writes.length;
  for (const [index, text] of writes.entries()) {
    if (index === last) break;
    if (!res.write(text)) await drained(res);
    if (chunkMs > 0) await pause(res, chunkMs);
    if (res.destroyed) return;
  }
  switch (plan.ending) {
    case 'end':
      res.end(writes[last]);
      return;
    case 'destroy':
      // Destroying in the same turn could drop what was written: the reader must see that part.
      setImmediate(() => breakConnection(res));
      return;
    case 'silence':
      return;
  }
}

/** True when the caller left before it had the whole answer. */
export function leftEarly(res: ServerResponse): boolean {
  return !res.writableFinished && !brokenOnPurpose.has(res);
}

function breakConnection(res: ServerResponse): void {
  if (res.destroyed) return;
  brokenOnPurpose.add(res);
  res.destroy();
}

/** Waits for a time, or until the client is gone. */
export function pause(res: ServerResponse, ms: number): Promise<void> {
  if (res.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      res.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    res.on('close', done);
  });
}

/** A response whose client is gone never drains, so its close counts as well. */
function drained(res: ServerResponse): Promise<void> {
  if (res.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.on('drain', done);
    res.on('close', done);
  });
}

function gather(events: readonly string[]): string[] {
  const writes: string[] = [];
  let current = '';
  for (const event of events) {
    current += event;
    if (current.length < gatherBytes) continue;
    writes.push(current);
    current = '';
  }
  if (current !== '') writes.push(current);
  return writes;
}
