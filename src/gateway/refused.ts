import type { ExtendOutcome, HoldOutcome } from '#charging/commands';
import { REFUSALS, type RefusalCode } from '#http/wire-errors';
import { formatUsd } from '#kernel/money';
import type { Bound } from '#pricing/bound';
import { type Missing, USES_MAX } from '#pricing/server-tools';

/** A request that is not admitted, as the one map of refusals will word it. */
export interface Refused {
  readonly outcome: 'refused';
  readonly code: RefusalCode;
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export const refused = (code: RefusalCode, message?: string): Refused => ({
  outcome: 'refused',
  code,
  ...(message === undefined ? {} : { message }),
});

const REMEDIES: Readonly<Record<Missing, string>> = {
  max_uses: 'max_uses is required',
  max_uses_in_range: `max_uses must be a whole number from 1 to ${USES_MAX}`,
  model_and_max_uses: `model is required, and max_uses, a whole number from 1 to ${USES_MAX}`,
  nothing: 'not offered here, because nothing in the request bounds what it can cost',
};

/** Why the most that a request can cost is not known. */
export function refusedBound(bound: Exclude<Bound, { outcome: 'bounded' }>): Refused {
  switch (bound.outcome) {
    case 'model_not_priced':
      return refused('model_not_priced', `model: ${bound.model}`);
    case 'tool_cost_unbounded':
      // By this code client libraries know to send the whole conversation instead.
      if (bound.tool === 'thread') {
        return { ...refused('thread_unsupported'), details: { unsupported: ['thread'] } };
      }
      return refused('tool_cost_unbounded', `${bound.tool}: ${REMEDIES[bound.missing]}`);
    case 'invalid_request':
      return refused('invalid_request', bound.message);
  }
}

type Unheld = Exclude<HoldOutcome | ExtendOutcome, { outcome: 'held' }>;

/** Why that much is not promised. `billingUrl` is where to go about it. */
export function refusedHold(answer: Unheld, billingUrl: string): Refused {
  switch (answer.outcome) {
    case 'insufficient_credit':
    case 'in_debt':
      return {
        outcome: 'refused',
        code: answer.outcome,
        details: {
          available_usd: formatUsd(answer.available),
          required_usd: formatUsd(answer.required),
          billing_url: billingUrl,
        },
      };
    case 'limit_reached': {
      // The literal text of the public API, which says when the month of the limit is over.
      const code = `${answer.level}_limit_reached` as const;
      const day = answer.liftsAt.toISOString().slice(0, 10);
      const back = `You will regain access on ${day} at 00:00 UTC.`;
      const details = {
        level: answer.level,
        subject_id: answer.subjectId,
        billing_url: billingUrl,
      };
      return { outcome: 'refused', code, message: `${REFUSALS[code].message} ${back}`, details };
    }
    case 'unknown_hold':
      // Request ids are made here and never reused.
      return refused('internal');
    case 'already_resolved':
    case 'hold_expired':
      // The process stood still, or the store was away, for longer than a lease, and perhaps the
      // Idempotency-Key is another's by now; another try finds the store as it is.
      return refused('ledger_unavailable');
    default:
      return refused(answer.outcome);
  }
}
