import type { IncomingHttpHeaders } from 'node:http';
import {
  type AnswerInProgress,
  type Desk,
  type Exchange,
  expectationOf,
  judge,
  refuse,
  rescue,
} from '#gateway/desk';
import { madeNotes } from '#gateway/made-notes';
import type { Booking } from '#gateway/settlement';
import type { Reading } from '#gateway/upstream';
import type { Ending } from '#gateway/verdict';
import { clientHeaders } from '#gateway/wire';
import { formatUsd } from '#kernel/money';
import { foldMessage } from '#metering/fold';

// The largest answer that is kept until its settlement is booked.
const ANSWER_BYTES_MAX = 33_554_432;
const ERROR_BYTES_MAX = 1_048_576;

export type WholeBody =
  | { readonly how: 'whole'; readonly body: Buffer }
  | { readonly how: 'truncated' | 'too_large' | 'abandoned' };

/** Collects a body up to a limit. `done` is called once. */
export function wholeBody(
  bytesMax: number,
  reading: Reading,
  done: (result: WholeBody) => void,
): AnswerInProgress {
  let parts: Buffer[] = [];
  let bytes = 0;
  let over = false;
  function finish(result: WholeBody): void {
    if (over) return;
    over = true;
    parts = [];
    done(result);
  }
  return {
    data(chunk) {
      if (over) return;
      bytes += chunk.length;
      if (bytes > bytesMax) {
        finish({ how: 'too_large' });
        reading.abort('the answer is larger than an answer may be');
        return;
      }
      parts.push(chunk);
    },
    end() {
      const [only] = parts;
      finish({ how: 'whole', body: parts.length === 1 && only ? only : Buffer.concat(parts) });
    },
    failed: () => finish({ how: 'truncated' }),
    abandon() {
      finish({ how: 'abandoned' });
      reading.abort('no client, and the budget for reading on is spent');
    },
  };
}

/** A JSON answer: read whole, settled, and only then sent, with what it cost if that is known. */
export function jsonAnswer(
  desk: Desk,
  exchange: Exchange,
  headers: IncomingHttpHeaders,
  reading: Reading,
  done: () => void,
): AnswerInProgress {
  async function answer(result: WholeBody): Promise<void> {
    const value = result.how === 'whole' ? parsed(result.body) : undefined;
    if (result.how !== 'whole' || value === undefined) {
      await desk.settlements.release(judge(desk, exchange, unusable(result), 200));
      return refuse(desk, exchange, 'upstream_malformed');
    }
    const folded = foldMessage(value, expectationOf(exchange.call));
    const made = madeNotes(desk.noteMade, exchange.call.caller);
    made.see(value);
    if (made.noted !== undefined) await made.noted;
    const command = judge(desk, exchange, { how: 'answered', folded }, 200);
    const charged = command.resolution === 'settle';
    const booking = await desk.settlements[charged ? 'book' : 'release'](command);
    if (charged && booking.outcome === 'unbooked') {
      return refuse(desk, exchange, 'ledger_unavailable');
    }
    // JSON, but not a message: what cannot be metered is not handed out.
    if (folded.rule === 'S8') return refuse(desk, exchange, 'upstream_malformed');
    const { requestId } = exchange.call;
    const sent = { ...clientHeaders(headers, requestId), ...amounts(booking) };
    exchange.client.send(200, sent, result.body);
  }
  return wholeBody(ANSWER_BYTES_MAX, reading, (result) => {
    answer(result)
      .catch((error: unknown) => {
        rescue(desk, exchange, error);
        refuse(desk, exchange, 'internal');
      })
      .finally(done);
  });
}

/** An error of the upstream before any answer: nothing is charged, and the client gets it as it is. */
export function refusedAnswer(
  desk: Desk,
  exchange: Exchange,
  status: number,
  headers: IncomingHttpHeaders,
  reading: Reading,
  done: () => void,
): AnswerInProgress {
  async function answer(result: WholeBody): Promise<void> {
    await desk.settlements.release(judge(desk, exchange, { how: 'refused' }, status));
    if (result.how !== 'whole') return refuse(desk, exchange, 'upstream_malformed');
    // Not the client's key but the operator's was refused: its wording would send the client astray.
    if (status === 401 || status === 402) return refuse(desk, exchange, 'upstream_misconfigured');
    exchange.client.send(status, clientHeaders(headers, exchange.call.requestId), result.body);
  }
  return wholeBody(ERROR_BYTES_MAX, reading, (result) => void answer(result).finally(done));
}

function unusable(result: WholeBody): Ending {
  return { how: result.how === 'whole' ? 'unreadable' : 'truncated' };
}

function amounts(booking: Booking): Record<string, string> {
  // Of a journaled one neither is known yet.
  if (booking.outcome !== 'booked') return {};
  return {
    'bursar-cost-usd': formatUsd(booking.charged),
    'bursar-available-usd': formatUsd(booking.available),
  };
}

/** Undefined if it is no JSON: a proxy's error page, say. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
