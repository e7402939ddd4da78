import type { IncomingHttpHeaders } from 'node:http';
import { type AnswerInProgress, type Desk, type Exchange, judge, refuse } from '#gateway/desk';
import { keptAwake } from '#gateway/keep-awake';
import { slicedAnswer } from '#gateway/sliced';
import { streamAnswer } from '#gateway/stream';
import type { NotedAttempt, Reading, UpstreamCall } from '#gateway/upstream';
import { jsonAnswer, refusedAnswer } from '#gateway/whole';

export interface Running {
  /** Resolves when the client has its answer and the ledger its command. Never rejects. */
  readonly finished: Promise<void>;
  /** Ends it now, because the process does: an open answer breaks off and costs nothing (S8). */
  cut(): void;
}

/** Sends an admitted call to the upstream and sees it through, with or without its client. */
export function runExchange(desk: Desk, admitted: Exchange, forward: UpstreamCall): Running {
  const { client, call } = admitted;
  const attempts: NotedAttempt[] = [];
  const exchange: Exchange = { ...admitted, attempts };
  let answer: AnswerInProgress | undefined;
  let pump: { leave(): void } | undefined;
  let over = false;
  let resolveFinished = (): void => {};
  const finished = new Promise<void>((resolve) => {
    resolveFinished = resolve;
  });
  function done(): void {
    over = true;
    pump?.leave();
    resolveFinished();
  }

  async function unanswered(code: 'upstream_unreachable' | 'upstream_timed_out'): Promise<void> {
    await desk.settlements.release(judge(desk, exchange, { how: 'refused' }, null));
    refuse(desk, exchange, code);
    done();
  }

  function start(status: number, headers: IncomingHttpHeaders, reading: Reading): AnswerInProgress {
    if (status !== 200 && status < 400) return unexpected(status, reading);
    if (status !== 200) return refusedAnswer(desk, exchange, status, headers, reading, done);
    const streamed = /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
    if (!streamed) return jsonAnswer(desk, exchange, headers, reading, done);
    const { slices } = exchange.call;
    if (slices !== undefined) return slicedAnswer(desk, exchange, slices, headers, reading, done);
    const awake = { ...exchange, client: keptAwake(client, reading, desk.pingAfterMs) };
    return streamAnswer(desk, awake, headers, reading, done);
  }

  /**
   * A redirect, or a success that is none of the Messages API. To follow the one would carry the
   * operator's key to a place the operator did not name; to relay the other would be unmetered.
   */
  function unexpected(status: number, reading: Reading): AnswerInProgress {
    const ignored = { data() {}, end() {}, failed() {}, abandon() {} };
    void desk.settlements
      .release(judge(desk, exchange, { how: 'refused' }, status))
      .then(() => refuse(desk, exchange, 'upstream_misconfigured'))
      .finally(done);
    setImmediate(() => reading.abort('neither an answer nor an error'));
    return ignored;
  }

  const { model } = call;
  const abort = desk.upstream.call(
    { ...forward, model },
    {
      wanted: () => !client.gone,
      attempted: (attempt) => attempts.push(attempt),
      start(status, headers, reading) {
        answer = start(status, headers, reading);
        return answer;
      },
      failed(why, error) {
        desk.log.warn({ why, reason: error.message }, 'no answer from the upstream');
        void unanswered(why === 'timed_out' ? 'upstream_timed_out' : 'upstream_unreachable');
      },
    },
  );

  function abandon(): void {
    if (answer === undefined) abort('no client, and the budget for reading on is spent');
    else answer.abandon();
  }
  client.onGone(() => {
    // Breaking off an answer closes its client too: nothing is left to read, so no place is taken.
    if (over) return;
    pump = desk.pumps.enter(abandon);
    if (pump === undefined) abandon();
  });

  client.onReturn(() => pump?.leave());

  return {
    finished,
    cut() {
      if (client.gone) abandon();
      else abort('the process is ending');
    },
  };
}
