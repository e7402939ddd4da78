import type { IncomingHttpHeaders } from 'node:http';

/** One call as the simulator saw it. Bodies are never kept, only their hash. */
export interface Call {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly bodyHash: string | null;
  readonly at: number;
  /** True when the caller went away before it had the whole answer. */
  aborted: boolean;
  /** True once nothing more is sent, whatever the end. */
  over: boolean;
}

/** Calls kept: enough to look at a test, small enough to leave on during a benchmark. */
const callsMax = 10_000;
const secretHeaders: ReadonlySet<string> = new Set([
  'x-api-key',
  'authorization',
  'proxy-authorization',
  'cookie',
]);

/** The newest calls, oldest first. */
export class CallLog {
  readonly #ring: Call[] = [];
  // Where the next call goes once the ring is full; also the index of the oldest one then.
  #next = 0;
  #counted = 0;

  record(call: Omit<Call, 'id' | 'aborted' | 'over' | 'at'>): Call {
    this.#counted += 1;
    const kept: Call = {
      ...call,
      id: `call_${String(this.#counted).padStart(8, '0')}`,
      at: Date.now(),
      aborted: false,
      over: false,
    };
    this.#ring[this.#next] = kept;
    this.#next = (this.#next + 1) % callsMax;
    return kept;
  }

  list(): Readonly<Record<string, unknown>>[] {
    return this.#ordered().map(shown);
  }

  /** Answers the calls that are over and forgets them, so that none is missed nor met twice. */
  take(): { readonly data: Readonly<Record<string, unknown>>[]; readonly open: number } {
    const ordered = this.#ordered();
    const open = ordered.filter(({ over }) => !over);
    this.#ring.splice(0, this.#ring.length, ...open);
    this.#next = open.length % callsMax;
    return { data: ordered.filter(({ over }) => over).map(shown), open: open.length };
  }

  #ordered(): readonly Call[] {
    const full = this.#ring.length === callsMax;
    return full
      ? [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
      : [...this.#ring];
  }

  clear(): number {
    const count = this.#ring.length;
    this.#ring.length = 0;
    this.#next = 0;
    return count;
  }
}

const shown = (call: Call): Readonly<Record<string, unknown>> => ({
  id: call.id,
  method: call.method,
  path: call.path,
  headers: withoutSecrets(call.headers),
  body_sha256: call.bodyHash,
  aborted: call.aborted,
  over: call.over,
  at: new Date(call.at).toISOString(),
});

function withoutSecrets(headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secretHeaders.has(name)));
}
