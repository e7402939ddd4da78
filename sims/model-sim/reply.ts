import type { ServerResponse } from 'node:http';
import { ping, type StreamPlan } from './events.ts';
import { answerHeaders, edgeHeaders } from './headers.ts';

/** Error types of the Messages API with the status each of them has. */
const statuses = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  method_not_allowed: 405,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  unavailable_error: 503,
  timeout_error: 504,
  overloaded_error: 529,
} as const;

export type ErrorType = keyof typeof statuses;

/** Statuses that have no error type of their own. */
const toldAs: ReadonlyMap<ErrorType, ErrorType> = new Map([
  ['unavailable_error', 'api_error'],
  ['method_not_allowed', 'invalid_request_error'],
]);

// Connections broken by a scenario, so that they are not taken for callers who went away.
const brokenOnPurpose = new WeakSet<ServerResponse>();

// Between two pings where no pacing was asked for.
const pingMs = 100;
// Small writes are gathered up to this size when no pacing was asked for.
const gatherBytes = 16_384;

export function sendJson(
  res: ServerResponse,
  status: number,
  body: string,
  requestId: string,
): void {
  sendRaw(res, status, body, requestId, {});
}

export function sendRaw(
  res: ServerResponse,
  status: number,
  body: string,
  requestId: string,
  more: Readonly<Record<string, string>>,
): void {
  const headers = status === 401 ? edgeHeaders(requestId) : answerHeaders(requestId);
  res.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...more,
  });
  res.end(body);
}

export function sendError(
  res: ServerResponse,
  type: ErrorType,
  message: string,
  requestId: string,
): void {
  const { status, body } = errorBody(type, message, requestId);
  sendJson(res, status, body, requestId);
}

export function errorBody(
  type: ErrorType,
  message: string,
  requestId: string,
): { readonly status: number; readonly body: string } {
  const told = toldAs.get(type) ?? type;
  const body = { type: 'error', error: { type: told, message }, request_id: requestId };
  return { status: statuses[type], body: JSON.stringify(body) };
}

/** Announces the whole body, sends half of it and breaks the connection. */
export function sendHalf(res: ServerResponse, body: string, requestId: string): void {
  res.writeHead(200, {
    ...answerHeaders(requestId),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
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
    ...answerHeaders(requestId),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  const writes = plan.writes ?? (chunkMs > 0 ? plan.events : gather(plan.events));
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
    case 'pings':
      while (!res.destroyed) {
        await pause(res, chunkMs > 0 ? chunkMs : pingMs);
        if (!res.destroyed) res.write(ping);
      }
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
