import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { assertOutsideTransaction } from '#db/transaction';

/** A hand on an answer while it is being read. */
export interface Reading {
  pause(): void;
  resume(): void;
  /** Stops reading and closes the connection; the sink's `failed` follows. */
  abort(reason: string): void;
}

export interface BodySink {
  data(chunk: Buffer): void;
  end(): void;
  /** The body broke off: the connection failed, fell silent, or was aborted. */
  failed(): void;
}

export interface AnswerSink {
  /** Called at most once, with a final status. Chunks follow at once, so the sink is its result. */
  start(status: number, headers: IncomingHttpHeaders, reading: Reading): BodySink;
  /** No answer came. Excludes `start`. */
  failed(why: 'unreachable' | 'timed_out', error: Error): void;
}

export interface UpstreamCall {
  readonly method: 'POST' | 'GET';
  readonly path: string;
  /** Flat list of names and values, without credentials. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface Upstream {
  /**
   * Sends one request, once: redirects are not followed and nothing is retried. The returned
   * function gives it up, whatever its state; the sink is told by `failed`.
   */
  call(call: UpstreamCall, sink: AnswerSink): (reason: string) => void;
  /** Closes every connection, also those with an answer under way. */
  close(): Promise<void>;
}

export interface UpstreamOptions {
  readonly url: string;
  readonly key: string;
  /** Longest wait for the head of an answer, in ms. */
  readonly headersTimeoutMs?: number;
  /** Longest silence within an answer, in ms. */
  readonly silenceTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
// The client libraries give up after ten minutes; an answer later than that has no reader.
const HEADERS_TIMEOUT_MS = 600_000;
const SILENCE_TIMEOUT_MS = 300_000;

const timeoutCodes: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** The one place that calls a model. The operator's key is attached here and nowhere else. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const url = new URL(options.url);
  const prefix = url.pathname.replace(/\/+$/, '');
  const pool = new Pool(url.origin, {
    // One request per connection at a time: a slow stream never stands before another answer.
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
    bodyTimeout: options.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS,
  });
  return {
    call(call, sink) {
      assertOutsideTransaction('a model call');
      const request: Dispatcher.DispatchOptions = {
        method: call.method,
        path: `${prefix}${call.path}`,
        headers: [...call.headers, 'x-api-key', options.key],
        body: call.body.length === 0 ? null : call.body,
      };
      const { handler, abort } = exchangeWith(sink);
      pool.dispatch(request, handler);
      return abort;
    },
    close: () => pool.destroy(),
  };
}

function exchangeWith(sink: AnswerSink): {
  readonly handler: Dispatcher.DispatchHandler;
  readonly abort: (reason: string) => void;
} {
  let controller: Dispatcher.DispatchController | undefined;
  let body: BodySink | undefined;
  let over = false;

  function fail(error: Error): void {
    if (over) return;
    over = true;
    const code = 'code' in error ? String(error.code) : '';
    if (body !== undefined) body.failed();
    else sink.failed(timeoutCodes.has(code) ? 'timed_out' : 'unreachable', error);
  }

  function abort(reason: string): void {
    const error = new Error(reason);
    controller?.abort(error);
    // Aborting may tell the handler at once, later, or, while still queued, not at all.
    fail(error);
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (over) started.abort(new Error('given up before it was sent'));
    },
    onResponseStart(started, status, headers) {
      // An interim answer (103) announces the real one.
      if (over || status < 200) return;
      body = sink.start(status, headers, {
        pause: () => started.pause(),
        resume: () => started.resume(),
        abort,
      });
    },
    onResponseData(_controller, chunk) {
      if (!over) body?.data(chunk);
    },
    onResponseEnd() {
      if (over) return;
      over = true;
      body?.end();
    },
    onResponseError: (_controller, error) => fail(error),
  };
  return { handler, abort };
}
