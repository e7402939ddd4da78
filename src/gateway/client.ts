import type { ServerResponse } from 'node:http';
import type { Reading } from '#gateway/upstream';

/** The client's side of one call. Writing to a client that has left does nothing. */
export interface Client {
  readonly gone: boolean;
  /** Called once, if the client leaves before it has the whole answer. */
  onGone(notice: () => void): void;
  /** A whole answer. */
  send(status: number, headers: Record<string, string>, body: Buffer | string): void;
  /** The head of a streamed answer. */
  begin(status: number, headers: Record<string, string>): void;
  /** Passes on a part of a stream, and stops `reading` while the client does not keep up. */
  write(chunk: Buffer | string, reading: Reading): void;
  end(): void;
  /** Ends a stream so that the client can tell it is broken. */
  breakOff(): void;
}

// What may wait for one slow client; beyond it the upstream is no longer read.
const QUEUE_BYTES_MAX = 262_144;
const STALL_MS = 60_000;

/** Takes over the raw response of a hijacked reply. */
export function clientOf(response: ServerResponse, stallMs = STALL_MS): Client {
  const notices: (() => void)[] = [];
  let gone = response.destroyed;
  let held: { readonly reading: Reading; readonly timer: NodeJS.Timeout } | undefined;

  function flow(): void {
    if (held === undefined) return;
    clearTimeout(held.timer);
    const { reading } = held;
    held = undefined;
    reading.resume();
  }
  response.on('close', () => {
    if (!response.writableFinished) {
      gone = true;
      for (const notice of notices) notice();
    }
    // A response whose client is gone never drains: without this its upstream would wait for ever.
    flow();
  });
  response.on('drain', flow);
  // The close that follows says all there is to know.
  response.on('error', () => {});

  return {
    get gone() {
      return gone;
    },
    onGone(notice) {
      if (gone) notice();
      else notices.push(notice);
    },
    send(status, headers, body) {
      if (gone) return;
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
      response.end(body);
    },
    begin(status, headers) {
      if (gone) return;
      response.writeHead(status, headers);
      // The first event usually follows in the same turn and then shares the head's packet.
      setImmediate(() => {
        if (!gone && !response.writableEnded) response.flushHeaders();
      });
    },
    write(chunk, reading) {
      if (gone || response.write(chunk) || held !== undefined) return;
      if (response.writableLength <= QUEUE_BYTES_MAX) return;
      reading.pause();
      held = { reading, timer: setTimeout(() => response.destroy(), stallMs) };
    },
    end() {
      if (!gone) response.end();
    },
    breakOff: () => void response.destroy(),
  };
}
