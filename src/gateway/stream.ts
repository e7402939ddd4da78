import type { IncomingHttpHeaders } from 'node:http';
import {
  type AnswerInProgress,
  type Desk,
  type Exchange,
  expectationOf,
  judge,
  rescue,
} from '#gateway/desk';
import { madeNotes } from '#gateway/made-notes';
import { type OutputCounter, outputCounter } from '#gateway/output-count';
import type { Booking } from '#gateway/settlement';
import type { Reading } from '#gateway/upstream';
import type { Ending } from '#gateway/verdict';
import { clientHeaders } from '#gateway/wire';
import { errorEnvelope } from '#http/wire-errors';
import { streamFold } from '#metering/fold';
import { sseScanner, UNREAD } from '#metering/sse';

// What may be held back of one answer. A final event is small; whoever sends more of it, or after
// it, is not read further.
const HELD_BYTES_MAX = 65_536;
// An upstream that has sent its last event may end by itself, so that its connection can be reused.
const LINGER_MS = 1_000;
const CR = 0x0d;

/** A stream being relayed, which can be ended between two events. */
export interface StreamInProgress extends AnswerInProgress {
  /**
   * Ends it with `error`, an envelope, as its last event, once that is booked. What was delivered is
   * charged as counted (S11), or not at all.
   */
  cutOff(error: (booking: Booking) => string, charged: boolean): void;
}

/**
 * Relays a stream byte for byte. Every byte goes on as it comes, except from the final event on:
 * that waits until the settlement is booked or journaled, so no client holds a finished answer that
 * nobody will ever charge for. With it the answer ends: what an upstream sends later is metered by nobody. `done` is called when the client has all it will get and the ledger has its command.
 */
export function streamAnswer(
  desk: Desk,
  exchange: Exchange,
  headers: IncomingHttpHeaders,
  reading: Reading,
  done: () => void,
  output: OutputCounter = outputCounter(exchange.call.outputTokensMax),
): StreamInProgress {
  const { call, client } = exchange;
  const fold = streamFold(expectationOf(call));
  const made = madeNotes(desk.noteMade, call.caller);
  let held: Buffer[] = [];
  let heldBytes = 0;
  let finalEventSeen = false;
  let state: 'relaying' | 'booking' | 'over' = 'relaying';
  let upstreamEnded: 'whole' | 'broken' | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let lastWords: ((booking: Booking) => string) | undefined;
  const scanner = sseScanner((type, data) => {
    if (type === 'message_stop') finalEventSeen = true;
    const value = data === UNREAD ? null : parsed(data);
    output.event(type, value);
    if (type === 'message_start') exchange.meter?.started(value);
    fold.event(type, value);
    made.see(value);
  });

  client.begin(200, clientHeaders(headers, call.requestId));

  function keep(bytes: Buffer): void {
    held.push(bytes);
    heldBytes += bytes.length;
  }

  /** After the final event only a frame's rest can follow; it is held as far as there is room. */
  function keepRest(bytes: Buffer): void {
    if (heldBytes + bytes.length <= HELD_BYTES_MAX) keep(bytes);
    else reading.abort('it goes on after its final event');
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

  /** Sends what waited, and ends the answer: whole if its final event is there. */
  function letGo(booking: Booking): void {
    state = 'over';
    for (const bytes of held) client.write(bytes, reading);
    if (finalEventSeen && endsInsideCrLf(held)) client.write('\n', reading);
    held = [];
    if (lastWords !== undefined) client.write(errorEvent(lastWords(booking)), reading);
    if (lastWords !== undefined || finalEventSeen || upstreamEnded === 'whole') client.end();
    else client.breakOff();
    if (upstreamEnded === undefined) {
      const abort = () => reading.abort('it does not end after its final event');
      lingering = setTimeout(abort, LINGER_MS).unref();
    }
    done();
  }

  /** The ledger has not got it, so the answer must not look finished. */
  function sayUnbooked(): void {
    state = 'over';
    held = [];
    reading.abort('the settlement could not be booked');
    const data = errorEnvelope('ledger_unavailable', { requestId: call.requestId });
    client.write(errorEvent(data), reading);
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
    if (made.noted !== undefined) await made.noted;
    const command = judge(desk, exchange, ending, 200);
    if (command.resolution === 'void') return letGo(await desk.settlements.release(command));
    const booking = await desk.settlements.book(command);
    if (booking.outcome === 'unbooked') return sayUnbooked();
    letGo(booking);
  }

  function finish(how: 'whole' | 'broken'): void {
    upstreamEnded = how;
    clearTimeout(lingering);
    if (state === 'relaying') settle({ how: 'answered', folded: fold.end('truncated') });
  }

  function giveUp(ending: Ending, reason: string): void {
    upstreamEnded = 'broken';
    settle(ending);
    reading.abort(reason);
  }

  return {
    data(chunk) {
      if (state === 'booking') return keepRest(chunk);
      if (state === 'over') return reading.abort('it goes on after the answer is over');
      relay(chunk);
      output.count(chunk);
      exchange.meter?.produced(output.tokensLikely());
      if (finalEventSeen) {
        settle({ how: 'answered', folded: fold.end('complete') });
      } else if (heldBytes > HELD_BYTES_MAX) {
        const folded = fold.end('truncated');
        giveUp({ how: 'answered', folded }, 'its final event does not end');
      }
    },
    end: () => finish('whole'),
    failed: () => finish('broken'),
    abandon() {
      if (state !== 'relaying') return;
      const folded = fold.end('truncated');
      const ending = { how: 'abandoned', folded, outputTokens: output.tokensLikely() } as const;
      giveUp(ending, 'no client, and the budget for reading on is spent');
    },
    cutOff(error, charged) {
      if (state !== 'relaying') return;
      const folded = fold.end('truncated');
      held = [];
      lastWords = error;
      const outputTokens = output.tokensLikely();
      const ending: Ending = charged
        ? { how: 'abandoned', folded, outputTokens }
        : { how: 'answered', folded };
      giveUp(ending, 'no more of it is paid for');
    },
  };
}

const errorEvent = (data: string): string => `event: error\ndata: ${data}\n\n`;

/**
 * An event ends at its CR already, and the LF may come in a later chunk. A client that looks for
 * CRLF needs both.
 */
function endsInsideCrLf(held: readonly Buffer[]): boolean {
  const bytes = Buffer.concat(held);
  return bytes.at(-1) === CR && bytes.includes('\r\n');
}

/** The data of an event. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The fold treats what is not an object as an event it cannot believe.
    return null;
  }
}
