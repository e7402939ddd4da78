import type { FastifyBaseLogger } from 'fastify';
import type { ExtendCommand, ExtendOutcome, SettleCommand } from '#charging/commands';
import type { AdmittedCall } from '#gateway/admit';
import type { Audience } from '#gateway/audience';
import type { QuarantineBreaker } from '#gateway/breaker';
import type { NoteMade } from '#gateway/made-notes';
import type { Pumps } from '#gateway/pumps';
import type { UsageMeter } from '#gateway/rates';
import type { Settlements } from '#gateway/settlement';
import type { NotedAttempt, Upstream } from '#gateway/upstream';
import { type Circumstances, type Ending, verdict } from '#gateway/verdict';
import { type RefusalCode, type RefusalContext, wireError } from '#http/wire-errors';
import type { Clock } from '#kernel/clock';
import type { RequestId } from '#kernel/ids';
import type { Expectation } from '#metering/fold';

/** What every call of this process works with. */
export interface Desk {
  readonly upstream: Upstream;
  readonly settlements: Settlements;
  readonly pumps: Pumps;
  readonly clock: Clock;
  /** Raises the hold of a stream that is held for in slices. */
  readonly extend: (command: ExtendCommand) => Promise<ExtendOutcome>;
  /** How long an answer may stand still for a store that does not say anything, in ms. */
  readonly patienceMs: number;
  /** Where credits are bought: part of every refusal for credit. */
  readonly billingUrl: string;
  readonly breaker: QuarantineBreaker;
  readonly brand: string | undefined;
  readonly log: FastifyBaseLogger;
  /** How long a stream may be silent before its client is sent a ping, in ms. */
  readonly pingAfterMs?: number | undefined;
  /** Told of what an answer made in the operator's account. Absent: nobody notes it. */
  readonly noteMade?: NoteMade | undefined;
}

/** One admitted call while its answer is on the way. */
export interface Exchange {
  readonly call: AdmittedCall;
  readonly client: Audience;
  /** The upstreams asked so far. */
  readonly attempts?: readonly NotedAttempt[];
  /** The request it may be a retry of: both are charged, and the receipt says so. */
  readonly retryOf: RequestId | null;
  /** Where rate limits learn what was used. Absent without limits. */
  readonly meter?: UsageMeter | undefined;
}

/** Part of an answer being read: told its bytes, and able to stop early under rule S11. */
export interface AnswerInProgress {
  data(chunk: Buffer): void;
  end(): void;
  failed(): void;
  abandon(): void;
}

export function refuse(
  desk: Desk,
  exchange: Exchange,
  code: RefusalCode,
  context: Omit<RefusalContext, 'requestId' | 'brand'> = {},
): void {
  const { requestId } = exchange.call;
  const error = wireError(code, { ...context, requestId, brand: desk.brand });
  exchange.client.send(error.status, { ...error.headers }, error.body);
}

/**
 * The command that books an ending, with what is known of the client at this moment. A quarantined
 * one is given away, so it is never silent: it is logged as an error and counted by the breaker.
 */
export function judge(
  desk: Desk,
  exchange: Exchange,
  ending: Ending,
  upstreamStatus: Circumstances['upstreamStatus'],
): SettleCommand {
  const { client, retryOf, attempts = [] } = exchange;
  const circumstances = {
    upstreamStatus,
    attempts,
    clientDisconnected: client.deserted,
    adopted: client.joined,
    retryOf,
  };
  const { command, quarantined } = verdict(exchange.call, ending, circumstances);
  exchange.meter?.used(command.record.usage);
  if (quarantined !== undefined) {
    const { model, requestId } = exchange.call;
    const { rule } = command.record;
    desk.log.error(
      {
        reqId: requestId,
        rule,
        reason: quarantined,
        model: printable(model),
        served: printable(command.record.model),
        refusingModel: desk.breaker.note(model),
      },
      'quarantined: not charged, a person must look',
    );
  }
  return command;
}

const LOGGED_CHARS_MAX = 200;

/** A name from outside as it may stand in a log line. */
const printable = (name: string): string =>
  name.slice(0, LOGGED_CHARS_MAX).replace(/[^\x20-\x7e]/g, '?');

/** What this request allowed: an answer beyond it is a broken counter, not a dear answer. */
export function expectationOf(call: AdmittedCall): Expectation {
  return {
    model: call.model,
    outputTokensMax: call.outputTokensMax,
    contextWindowOf: (model) => call.prices.book.priceOf(model, call.at)?.contextWindow,
  };
}

/** After a bug between answer and ledger: the hold goes back, the customer pays nothing. */
export function rescue(desk: Desk, exchange: Exchange, error: unknown): void {
  desk.log.error({ err: error, reqId: exchange.call.requestId }, 'settling failed');
  void desk.settlements.release(judge(desk, exchange, { how: 'truncated' }, 200));
}
