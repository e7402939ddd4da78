import { type Claims, keyedTurns } from '#gateway/keyed-turns';
import { liveCalls } from '#gateway/live-calls';
import type { Refused } from '#gateway/refused';
import { refused } from '#gateway/refused';
import { idempotencyKeyOf, KEY_HEADER } from '#gateway/repeats';
import { retryTurns } from '#gateway/retry-turns';
import type { Asking, Turn } from '#gateway/turn';
import type { Clock } from '#kernel/clock';
import type { RequestId } from '#kernel/ids';

export interface TurnsDeps {
  readonly claims: Claims;
  readonly clock: Clock;
  /** Told when the store did not answer about a key. */
  readonly onTrouble: (requestId: RequestId, error: unknown) => void;
}

/** Decides of each paid request whether it is executed, or repeats one that is. */
export interface Turns {
  take(asking: Asking): Turn | Refused | Promise<Turn | Refused>;
}

export function turns(deps: TurnsDeps): Turns {
  const retried = retryTurns(liveCalls(deps.clock));
  const keyed = keyedTurns(deps);
  return {
    take(asking) {
      const key = idempotencyKeyOf(asking.asked.headers);
      // An idempotency key says more than a count of retries: with one, nothing is guessed.
      if (key === undefined) return retried(asking);
      if (key !== null) return keyed(key, asking);
      return refused('invalid_request', `${KEY_HEADER}: must be 1 to 255 printable characters`);
    },
  };
}
