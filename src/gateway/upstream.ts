import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { assertOutsideTransaction } from '#db/transaction';
import type { UpstreamAttempt } from '#metering/upstream-attempts';

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
  failed(why: Unanswered, error: Error): void;
  /** Whether somebody still waits: asked before another upstream is tried. Absent: yes. */
  readonly wanted?: () => boolean;
  /** Told of each upstream that was asked, before `start` or `failed` says the last one's word. */
  readonly attempted?: (attempt: NotedAttempt) => void;
}

/** `unreachable`: nothing was sent. Otherwise the request may have been worked on. */
export type Unanswered = 'unreachable' | 'broke_off' | 'timed_out';

/** One upstream that was asked; what it cost is known when its answer has been metered. */
export interface NotedAttempt extends Omit<UpstreamAttempt, 'cost'> {
  /** What its operator pays of the upstream prices in the book. */
  readonly costShare: CostShare;
}

/** An exact fraction; 1/1 for an upstream that asks the price of the book. */
export interface CostShare {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export interface UpstreamCall {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly path: string;
  /** Flat list of names and values, without credentials. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Sent instead of `body` as it comes, for what is too large to be kept. */
  readonly stream?: Readable;
  /**
   * Only upstreams that serve it are asked. A call that names none goes to the first upstream and to
   * no other: what it speaks of lives there.
   */
  readonly model?: string | undefined;
}

export interface Upstream {
  /**
   * Sends one request. Redirects are not followed. The returned function gives it up, whatever its
   * state; the sink is told by `failed`.
   */
  call(call: UpstreamCall, sink: AnswerSink): (reason: string) => void;
  /** Closes every connection, also those with an answer under way. */
  close(): Promise<void>;
}

/** One place that answers, whatever key it is asked with. Nothing is sent twice. */
export interface Origin {
  call(call: UpstreamCall, key: string, sink: AnswerSink): (reason: string) => void;
  /** Lets the answers under way end, then closes. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

export interface OriginTimeouts {
  /** Longest wait for the head of an answer, in ms. */
  readonly headersTimeoutMs?: number | undefined;
  /** Longest silence within an answer, in ms. */
  readonly silenceTimeoutMs?: number | undefined;
  /** Longest time for a whole answer, in ms, however lively it is. */
  readonly answerTimeoutMs?: number | undefined;
  /** Runs something after so many ms, unless the function it answers is called before. */
  readonly later?: ((run: () => void, ms: number) => () => void) | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
// The client libraries give up after ten minutes; an answer later than that has no reader.
const HEADERS_TIMEOUT_MS = 600_000;
const SILENCE_TIMEOUT_MS = 300_000;
// Longer than any model writes; without it, pings alone would keep an answer and its hold for ever.
const ANSWER_TIMEOUT_MS = 3_600_000;

const timeoutCodes: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** The one place that calls a model. The operator's key is attached here and nowhere else. */
export function openOrigin(address: string, timeouts: OriginTimeouts = {}): Origin {
  const url = new URL(address);
  const prefix = url.pathname.replace(/\/+$/, '');
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS, later = onTimer } = timeouts;
  const pool = new Pool(url.origin, {
    // One request per connection at a time: a slow stream never stands before another answer.
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: timeouts.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
    bodyTimeout: timeouts.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS,
  });
  return {
    call(call, key, sink) {
      assertOutsideTransaction('a model call');
      const request: Dispatcher.DispatchOptions = {
        method: call.method,
        path: `${prefix}${call.path}`,
        headers: [...call.headers, 'x-api-key', key],
        body: call.stream ?? (call.body.length === 0 ? null : call.body),
      };
      const { handler, abort } = exchangeWith(sink, (run) => later(run, answerTimeoutMs));
      pool.dispatch(request, handler);
      return abort;
    },
    retire: () => pool.close(),
    close: () => pool.destroy(),
  };
}

function onTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}

function exchangeWith(
  sink: AnswerSink,
  atDeadline: (run: () => void) => () => void,
): {
  readonly handler: Dispatcher.DispatchHandler;
  readonly abort: (reason: string) => void;
} {
  let controller: Dispatcher.DispatchController | undefined;
  let body: BodySink | undefined;
  let over = false;
  let late = false;

  function fail(error: Error): void {
    if (over) return;
    finish();
    const code = 'code' in error ? String(error.code) : '';
    // Before it is started, a request only waits for a connection.
    const lost = controller === undefined ? 'unreachable' : 'broke_off';
    if (body !== undefined) body.failed();
    else sink.failed(late || timeoutCodes.has(code) ? 'timed_out' : lost, error);
  }

  function finish(): void {
    over = true;
    inTime();
  }

  function abort(reason: string): void {
    const error = new Error(reason);
    controller?.abort(error);
    // Aborting may tell the handler at once, later, or, while still queued, not at all.
    fail(error);
  }

  const inTime = atDeadline(() => {
    late = true;
    abort('the answer takes too long');
  });

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
      finish();
      body?.end();
    },
    onResponseError: (_controller, error) => fail(error),
  };
  return { handler, abort };
}
