import type { IncomingHttpHeaders } from 'node:http';
import { type Health, heard, probing, type Sign } from '#gateway/health';
import type { AnswerSink, BodySink, Origin, Reading, UpstreamCall } from '#gateway/upstream';
import { type Choice, choose, serves, type UpstreamSpec } from '#gateway/upstream-choice';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { AttemptOutcome } from '#metering/upstream-attempts';

/** An upstream, where it is reached, and how it does. */
export interface Member {
  spec: UpstreamSpec;
  readonly origin: Origin;
  health: Health;
}

export interface Asking {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly members: readonly Member[];
  readonly turn: (member: Member, health: Health) => void;
}

/** An outage of everything is told soon, and costs an operator three calls at most. */
const ATTEMPTS_MAX = 3;
/** An error is read to its end, so that its connection can be used again, if that is near. */
const PASSED_OVER_BYTES_MAX = 65_536;
const PASSED_OVER_MS = 1_000;

/**
 * Asks one upstream after the other until one answers. Each is asked once. Another follows where
 * there is no answer, or an error that is the upstream's own; never once a body is passed on, and
 * never after silence: what was worked on for so long has been paid for (F47). The function it
 * answers gives the call up.
 */
export function askInTurn(
  asking: Asking,
  call: UpstreamCall,
  sink: AnswerSink,
): (reason: string) => void {
  const turns = new Turns(asking, call, sink);
  turns.begin();
  return (reason) => turns.giveUp(reason);
}

/** One attempt: told of its head or its failure once, and of a body that broke off. */
interface Attempt {
  note(outcome: AttemptOutcome, status: number | null, sign: Sign): void;
  brokeOff(): void;
}

class Turns {
  readonly #asking: Asking;
  readonly #call: UpstreamCall;
  readonly #sink: AnswerSink;
  readonly #left: Set<Member>;
  #attempts = 0;
  #givenUp = false;
  #abort = (_reason: string): void => {};

  constructor(asking: Asking, call: UpstreamCall, sink: AnswerSink) {
    this.#asking = asking;
    this.#call = call;
    this.#sink = sink;
    const { members } = asking;
    const { model } = call;
    this.#left = new Set(
      model === undefined ? members.slice(0, 1) : members.filter(({ spec }) => serves(spec, model)),
    );
  }

  begin(): void {
    const first = this.#next();
    const nobody = new Error('no upstream serves the model');
    if (first !== undefined) this.#ask(first);
    else queueMicrotask(() => this.#sink.failed('unreachable', nobody));
  }

  giveUp(reason: string): void {
    this.#givenUp = true;
    this.#abort(reason);
  }

  #next(): Choice<Member> | undefined {
    const again = this.#attempts > 0;
    if (this.#attempts === ATTEMPTS_MAX || this.#givenUp) return undefined;
    // A body that was passed on as it came is not there for a second time.
    if (again && (this.#call.stream !== undefined || this.#sink.wanted?.() === false)) {
      return undefined;
    }
    const { clock, entropy } = this.#asking;
    return choose([...this.#left], !again, clock.elapsedMs(), entropy);
  }

  #ask(choice: Choice<Member>): void {
    const number = ++this.#attempts;
    const { origin, spec } = choice.chosen;
    this.#left.delete(choice.chosen);
    const attempt = this.#attempt(choice);
    const abort = origin.call(this.#call, spec.key, {
      start: (status, headers, reading) => {
        const sign = signOf(status);
        attempt.note(status < 300 ? 'answered' : 'refused', status, sign);
        const following = sign === 'well' ? undefined : this.#next();
        if (following === undefined) return this.#passOn(attempt, status, headers, reading);
        this.#ask(following);
        return passedOver(reading);
      },
      failed: (why, error) => {
        attempt.note(this.#givenUp ? 'given_up' : why, null, 'failed');
        const following = why === 'timed_out' ? undefined : this.#next();
        if (following === undefined) this.#sink.failed(why, error);
        else this.#ask(following);
      },
    });
    // One that failed at once has been followed already.
    if (this.#attempts === number) this.#abort = abort;
  }

  #attempt({ chosen, probe }: Choice<Member>): Attempt {
    const { clock, turn } = this.#asking;
    const { name: upstream, costShare } = chosen.spec;
    const startedMs = clock.elapsedMs();
    if (probe) turn(chosen, probing(chosen.health, startedMs));
    return {
      note: (outcome, status, sign) => {
        const nowMs = clock.elapsedMs();
        turn(chosen, heard(chosen.health, this.#givenUp ? 'unknown' : sign, probe, nowMs));
        const elapsedMs = Math.round(nowMs - startedMs);
        this.#sink.attempted?.({ upstream, outcome, status, elapsedMs, costShare });
      },
      brokeOff: () => turn(chosen, heard(chosen.health, 'failed', false, clock.elapsedMs())),
    };
  }

  /** A body that breaks off by itself counts against its upstream, though its head was well. */
  #passOn(
    attempt: Attempt,
    status: number,
    headers: IncomingHttpHeaders,
    reading: Reading,
  ): BodySink {
    let stopped = false;
    const abort = (reason: string): void => {
      stopped = true;
      reading.abort(reason);
    };
    const body = this.#sink.start(status, headers, { ...reading, abort });
    return {
      data: (chunk) => body.data(chunk),
      end: () => body.end(),
      failed: () => {
        if (!stopped && !this.#givenUp) attempt.brokeOff();
        body.failed();
      },
    };
  }
}

/** What a status says about the upstream. A refused key is the operator's, not the customer's. */
function signOf(status: number): Sign {
  if (status === 401 || status === 402) return 'key_refused';
  // Also said of one request: it may go elsewhere, and only a row of them speaks of the upstream.
  return status === 403 || status >= 500 ? 'failed' : 'well';
}

function passedOver(reading: Reading): BodySink {
  const abort = (): void => reading.abort('another upstream is asked');
  const timer = setTimeout(abort, PASSED_OVER_MS).unref();
  const done = (): void => clearTimeout(timer);
  let bytes = 0;
  return {
    data(chunk) {
      bytes += chunk.length;
      if (bytes > PASSED_OVER_BYTES_MAX) abort();
    },
    end: done,
    failed: done,
  };
}
