import type { IncomingHttpHeaders } from 'node:http';
import {
  type AnswerInProgress,
  type Desk,
  type Exchange,
  expectationOf,
  judge,
  rescue,
} from '#gateway/desk';
import type { Reading } from '#gateway/upstream';
import type { Ending } from '#gateway/verdict';
import { clientHeaders } from '#gateway/wire';
import { errorEnvelope } from '#http/wire-errors';
import { streamFold } from '#metering/fold';
import { sseScanner, UNREAD } from '#metering/sse';

// Waiting for the ledger, an upstream that keeps talking after its last event is not read further.
const HELD_BYTES_MAX = 65_536;

/**
 * Relays a stream byte for byte. Every byte goes on as it comes, except from the final event on:
 * that waits until the settlement is committed, so no client holds a finished answer that is not in
 * the books. `done` is called when the client has all it will get and the ledger has its command.
 */
export function streamAnswer(
  desk: Desk,
  exchange: Exchange,
  headers: IncomingHttpHeaders,
  reading: Reading,
  done: () => void,
): AnswerInProgress {
  const { call, client } = exchange;
  const fold = streamFold(expectationOf(desk, call));
  const output = outputCounter();
  let held: Buffer[] = [];
  let heldBytes = 0;
  let finalEventSeen = false;
  let state: 'relaying' | 'booking' | 'booked' | 'over' = 'relaying';
  let upstreamEnded: 'whole' | 'broken' | undefined;
  const scanner = sseScanner((type, data) => {
    if (type === 'message_stop') finalEventSeen = true;
    fold.event(type, data === UNREAD ? null : parsed(data));
  });

  client.begin(200, clientHeaders(headers, call.requestId));

  function keep(bytes: Buffer): void {
    held.push(bytes);
    heldBytes += bytes.length;
    if (state === 'booking' && heldBytes > HELD_BYTES_MAX) reading.pause();
  }

  function relay(chunk: Buffer): void {
    const { holdFrom } = scanner.push(chunk);
    if (holdFrom === null) {
      client.write(chunk, reading);
    } else if (holdFrom < 0 || heldBytes > 0) {
      keep(chunk);
    } else {
      if (holdFrom > 0) client.write(chunk.subarray(0, holdFrom), reading);
      keep(chunk.subarray(holdFrom));
    }
  }

  /** Sends what waited, and ends the answer the way the upstream ended it. */
  function letGo(): void {
    // Before writing, which may pause it again for a client that does not keep up.
    if (heldBytes > HELD_BYTES_MAX) reading.resume();
    for (const bytes of held) client.write(bytes, reading);
    held = [];
    if (upstreamEnded === undefined) return;
    state = 'over';
    if (upstreamEnded === 'whole') client.end();
    else client.breakOff();
    done();
  }

  /** The ledger has not got it, so the answer must not look finished. */
  function sayUnbooked(): void {
    state = 'over';
    held = [];
    reading.abort('the settlement could not be booked');
    const data = errorEnvelope('ledger_unavailable', { requestId: call.requestId });
    client.write(`event: error\ndata: ${data}\n\n`, reading);
    client.end();
    done();
  }

  function settle(ending: Ending): void {
    state = 'booking';
    book(ending).catch((error: unknown) => {
      state = 'over';
      rescue(desk, exchange, error);
      reading.abort('settling failed');
      client.breakOff();
      done();
    });
  }

  async function book(ending: Ending): Promise<void> {
    const command = judge(desk, exchange, ending, 200);
    if (command.resolution === 'void') {
      await desk.settlements.release(command);
    } else {
      const booking = await desk.settlements.book(command);
      if (booking.outcome === 'unbooked') return sayUnbooked();
    }
    state = 'booked';
    letGo();
  }

  function finish(how: 'whole' | 'broken'): void {
    upstreamEnded = how;
    if (state === 'relaying') settle({ how: 'answered', folded: fold.end('truncated') });
    else if (state === 'booked') letGo();
  }

  return {
    data(chunk) {
      if (state === 'booked') return client.write(chunk, reading);
      if (state === 'booking') return keep(chunk);
      if (state === 'over') return;
      output.count(chunk);
      relay(chunk);
      if (finalEventSeen) settle({ how: 'answered', folded: fold.end('complete') });
    },
    end: () => finish('whole'),
    failed: () => finish('broken'),
    abandon() {
      if (state !== 'relaying') return;
      const folded = fold.end('truncated');
      upstreamEnded = 'broken';
      settle({ how: 'abandoned', folded, outputTokens: output.tokens() });
      reading.abort('no client, and the budget for reading on is spent');
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The fold treats what is not an object as an event it cannot believe.
    return null;
  }
}

const DELTA_MARK = Buffer.from('event: content_block_delta');
// Bytes of a delta event around its text, and bytes of text for a token, in English prose.
const DELTA_FRAME_BYTES = 118;
const BYTES_PER_TOKEN = 4;

/**
 * Counts output for rule S11, where the upstream never gets to say how much it was. From the first
 * delta on, everything that is not the frame of a delta counts as text.
 */
function outputCounter(): { count(chunk: Buffer): void; tokens(): number } {
  let bytes = 0;
  let deltas = 0;
  return {
    count(chunk) {
      let at = chunk.indexOf(DELTA_MARK);
      if (deltas > 0) bytes += chunk.length;
      else if (at !== -1) bytes += chunk.length - at;
      for (; at !== -1; at = chunk.indexOf(DELTA_MARK, at + DELTA_MARK.length)) deltas += 1;
    },
    tokens: () => Math.floor(Math.max(0, bytes - deltas * DELTA_FRAME_BYTES) / BYTES_PER_TOKEN),
  };
}
