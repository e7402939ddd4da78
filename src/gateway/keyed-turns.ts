import type { ClaimOutcome, KeyClaim } from '#charging/idempotency';
import { STORE_MS, within } from '#gateway/in-time';
import { type Refused, refused } from '#gateway/refused';
import { type Asked, decideKey, type KeyInUse, sameAsked } from '#gateway/repeats';
import { type Asking, join, type LiveCall, type Turn } from '#gateway/turn';
import type { Clock } from '#kernel/clock';
import type { RequestId } from '#kernel/ids';

/** Where it is written, for all processes, which request an Idempotency-Key belongs to. */
export interface Claims {
  claim(claim: KeyClaim): Promise<ClaimOutcome>;
  /** Frees the key, if it still is this request's. */
  release(claim: KeyClaim): Promise<void>;
}

export interface KeyedDeps {
  readonly claims: Claims;
  readonly clock: Clock;
  readonly onTrouble: (requestId: RequestId, error: unknown) => void;
}

// A key without a hold is free again after a minute (`#charging/idempotency`). Whoever took longer
// than this to get its hold must not rely on having it still.
const CLAIM_VALID_MS = 30_000;

/** An Idempotency-Key in use in this process. */
interface KeyEntry {
  readonly asked: Asked;
  /** Resolves when its request is admitted or has ended. */
  readonly decided: Promise<void>;
  live: LiveCall | undefined;
}

/** Requests with an Idempotency-Key: of one key, one is executed. */
export function keyedTurns(deps: KeyedDeps) {
  const store = claimStore(deps);
  const inUse = new Map<string, KeyEntry>();

  async function first(name: string, claim: KeyClaim, asking: Asking): Promise<Turn | Refused> {
    let decide = (): void => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const { requestId, asked } = asking;
    const entry: KeyEntry = { asked, decided, live: undefined };
    inUse.set(name, entry);
    function end(): void {
      inUse.delete(name);
      decide();
    }
    const sinceMs = deps.clock.elapsedMs();
    const refusal = await store.claim(claim);
    if (refusal !== undefined) {
      end();
      return refusal;
    }
    return {
      outcome: 'own',
      retryOf: null,
      valid: () => deps.clock.elapsedMs() - sinceMs < CLAIM_VALID_MS,
      begin(audience, finished) {
        entry.live = { requestId, asked, audience, finished };
        decide();
      },
      refused: () => store.release(claim),
      end,
    };
  }

  return async (key: string, asking: Asking): Promise<Turn | Refused> => {
    const name = `${asking.caller.apiKeyId} ${key}`;
    for (;;) {
      const entry = inUse.get(name);
      const decision = decideKey(entry && standing(entry, asking.asked));
      if (decision.action === 'refuse') return refused(decision.code);
      if (entry === undefined) return await first(name, claimOf(key, asking), asking);
      if (decision.action === 'join' && entry.live !== undefined) return join(entry.live, asking);
      await entry.decided;
    }
  };
}

function standing({ asked, live }: KeyEntry, other: Asked): KeyInUse {
  const sent = live?.audience.joinable === true ? 'joinable' : 'forgotten';
  return { sameAsked: sameAsked(asked, other), state: live === undefined ? 'entering' : sent };
}

function claimOf(key: string, { caller, requestId, asked }: Asking): KeyClaim {
  const { organizationId, apiKeyId } = caller;
  return { organizationId, apiKeyId, key, asked: asked.digest(), requestId };
}

/** The store within a second. What it answers later is undone. */
function claimStore({ claims, onTrouble }: KeyedDeps) {
  async function release(claim: KeyClaim): Promise<void> {
    try {
      await within(claims.release(claim), STORE_MS);
    } catch (error) {
      // Without a hold it is free by itself in a minute.
      onTrouble(claim.requestId, error);
    }
  }
  return {
    release,
    /** Undefined if it is claimed. */
    async claim(claim: KeyClaim): Promise<Refused | undefined> {
      const asking = claims.claim(claim);
      try {
        const answer = await within(asking, STORE_MS);
        return answer.outcome === 'claimed' ? undefined : refusedKey(answer);
      } catch (error) {
        onTrouble(claim.requestId, error);
        asking.then(() => release(claim)).catch(() => {});
        return refused('ledger_unavailable');
      }
    },
  };
}

function refusedKey(answer: Exclude<ClaimOutcome, { outcome: 'claimed' }>): Refused {
  if (answer.outcome !== 'finished') return refused(`idempotency_${answer.outcome}`);
  const details = { request_id: answer.requestId };
  return { outcome: 'refused', code: 'idempotency_finished', details };
}
