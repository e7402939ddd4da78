import type { IncomingHttpHeaders } from 'node:http';
import { countText } from '#gateway/count-input';
import type { AnswerInProgress, Desk, Exchange } from '#gateway/desk';
import { growingHold, type Unextended } from '#gateway/growing-hold';
import { isTooMuch } from '#gateway/hold-rungs';
import { jointReading } from '#gateway/joint-reading';
import { keptAwake } from '#gateway/keep-awake';
import { NONE_COUNTED, outputCounter } from '#gateway/output-count';
import { refusedHold } from '#gateway/refused';
import { streamAnswer } from '#gateway/stream';
import { cutDetails, cutOf } from '#gateway/stream-cut';
import { streamMeter } from '#gateway/stream-meter';
import type { Reading } from '#gateway/upstream';
import { wholeEvents } from '#gateway/whole-events';
import { errorEnvelope } from '#http/wire-errors';
import type { NanoUsd } from '#kernel/money';
import type { Slices } from '#pricing/slice';

/**
 * A stream that is held for in slices (H5): the same relay, with a gate before it. Whole events pass
 * as long as what is held covers them; the hold is raised ahead of time. Where it is not, the
 * upstream stands still until the ledger has answered, and a refusal ends the stream.
 */
export function slicedAnswer(
  desk: Desk,
  exchange: Exchange,
  slices: Slices,
  headers: IncomingHttpHeaders,
  reading: Reading,
  done: () => void,
): AnswerInProgress {
  const { call } = exchange;
  const { requestId } = call;
  const { organizationId } = call.caller;
  const hold = growingHold({
    slices,
    amount: call.hold,
    clock: desk.clock,
    patienceMs: desk.patienceMs,
    extend: (toAmount) => desk.extend({ organizationId, requestId, toAmount }),
    onFailure: (error) => desk.log.error({ err: error, reqId: requestId }, 'extending failed'),
  });
  const [forClient, forHold] = jointReading(reading);
  // What is charged at the end is bounded by what is held by then.
  const growing: Exchange = {
    ...exchange,
    client: keptAwake(exchange.client, forClient, desk.pingAfterMs),
    get call() {
      return { ...call, hold: hold.amount };
    },
  };
  const delivered = outputCounter(call.outputTokensMax);
  const answer = streamAnswer(desk, growing, headers, forClient, done, delivered);
  const events = wholeEvents();
  const meter = streamMeter(call, slices);
  // Not empty while the ledger is asked; the first has been metered.
  let waiting: Buffer[] = [];
  // Tokens that the first of them is known to have.
  let countedFirst = NONE_COUNTED;
  let ended: 'whole' | 'broken' | undefined;
  let over = false;

  function offer(piece: Buffer): void {
    if (piece.length === 0) return;
    if (waiting.length > 0) return void waiting.push(piece);
    const needed = meter.read(piece);
    if (needed > hold.amount && !isFree(piece)) {
      waiting = [piece];
      forHold.pause();
      holdThenPass(needed).catch(giveUp);
    } else {
      answer.data(piece);
      if (!meter.finished) hold.lookAhead(meter.outputTokens);
    }
  }

  async function holdThenPass(first: NanoUsd): Promise<void> {
    let needed = first;
    for (let piece = waiting[0]; piece !== undefined && !over; piece = waiting[0]) {
      const refusal = isFree(piece) ? undefined : await cover(needed);
      if (over) return;
      // All that costs has passed, and its cost is known: what the hold lacks is rule S13's.
      if (refusal !== undefined && !meter.finished) return refuse(refusal);
      waiting.shift();
      answer.data(piece);
      delivered.known(countedFirst);
      countedFirst = NONE_COUNTED;
      if (waiting[0] !== undefined) needed = meter.read(waiting[0]);
    }
    if (ended === undefined) forHold.resume();
    else end(ended);
  }

  /**
   * Before a stream is ended for want of credit, what has passed is counted (H3): bytes are several
   * times as many as the tokens they might be.
   */
  async function cover(needed: NanoUsd): Promise<Unextended | undefined> {
    const refusal = await hold.raise(needed, meter.outputTokens);
    if (refusal === undefined || over || !isTooMuch(refusal)) return refusal;
    const counted = await meter.recount((model, text) =>
      countText(desk.upstream, call.model, model, text),
    );
    if (counted === undefined || over) return refusal;
    delivered.known(counted.before);
    countedFirst = counted.last;
    if (counted.needed >= needed) return refusal;
    return await hold.raise(counted.needed, meter.outputTokens);
  }

  /** What passes though nothing is held for it. */
  const isFree = (piece: Buffer): boolean => meter.failed || isSignature(piece);

  /** After a bug it breaks off, and costs nothing. */
  function giveUp(error: unknown): void {
    desk.log.error({ err: error, reqId: requestId }, 'a sliced stream failed');
    over = true;
    waiting = [];
    reading.abort('the gate failed');
    answer.failed();
  }

  /** No more of it is held for: it ends here, unless it has ended by itself (`stream-cut.ts`). */
  function refuse(refusal: Unextended): void {
    const failure = waiting.slice(1).find((piece) => {
      meter.skip(piece);
      return meter.failed;
    });
    waiting = [];
    const { outcome: why } = refusal;
    const cut = cutOf({ rule: meter.rule(), ended: ended !== undefined, refusal: why });
    desk.log.info({ reqId: requestId, why, cut }, 'a stream ends for want of a hold');
    if (cut === 'failed') {
      fail(failure);
      return;
    }
    over = true;
    const { code, message, details } = refusedHold(refusal, desk.billingUrl);
    answer.cutOff((booking) => {
      const told = cutDetails(details, booking);
      return errorEnvelope(code, {
        ...{ requestId, brand: desk.brand },
        ...(message === undefined ? {} : { message }),
        ...(told === undefined ? {} : { details: told }),
      });
    }, cut === 'charged');
  }

  /** As the upstream ended it, without what could not be held for. */
  function fail(failure: Buffer | undefined): void {
    if (failure !== undefined) answer.data(failure);
    if (ended === undefined) forHold.resume();
    else end(ended);
  }

  function end(how: 'whole' | 'broken'): void {
    if (over) return;
    offer(events.rest());
    ended = how;
    if (waiting.length > 0) return;
    over = true;
    if (how === 'whole') answer.end();
    else answer.failed();
  }

  return {
    data(chunk) {
      if (over) return;
      for (const event of events.push(chunk)) offer(event);
    },
    end: () => end('whole'),
    failed: () => end('broken'),
    abandon() {
      over = true;
      waiting = [];
      answer.abandon();
    },
  };
}

/**
 * It is no output, and what it stands for has been thought: it passes, so that it is counted should
 * the next event be refused. Within a text the quotes would be escaped.
 */
const isSignature = (piece: Buffer): boolean => piece.includes('"signature_delta"');
