import { useCallback, useEffect, useState } from 'react';
import type { Purchase } from '#console-api/contract';
import { refreshPurchase } from '../../api/billing.ts';
import { Refusal } from '../../api/client.ts';
import { isSettled } from './purchase-words.ts';
import { waitBefore } from './refresh-schedule.ts';

export interface Followed {
  readonly purchase: Purchase | undefined;
  /** Set when the server refused the question itself, such as for an unknown purchase. */
  readonly refusal: Refusal | undefined;
  /** The schedule ran out without a final state. */
  readonly paused: boolean;
  again(): void;
  replace(purchase: Purchase): void;
}

const isFinal = (error: unknown): error is Refusal =>
  error instanceof Refusal && error.status >= 400 && error.status < 500 && error.status !== 429;

/** Asks after a purchase on the schedule until it is settled, or the schedule ends. */
export function useFollowedPurchase(id: string): Followed {
  const [round, setRound] = useState(0);
  const [purchase, setPurchase] = useState<Purchase>();
  const [refusal, setRefusal] = useState<Refusal>();
  const [paused, setPaused] = useState(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round starts the schedule anew
  useEffect(() => {
    let timer: number | undefined;
    let left = false;
    const startedAt = performance.now();

    const schedule = (attempt: number) => {
      const wait = waitBefore(attempt, performance.now() - startedAt);
      if (wait === undefined) return setPaused(true);
      timer = window.setTimeout(() => void ask(attempt), wait);
    };
    const ask = async (attempt: number) => {
      try {
        const now = await refreshPurchase(id);
        if (left) return;
        setPurchase(now);
        if (isSettled(now.state)) return;
      } catch (error) {
        if (left) return;
        if (isFinal(error)) return setRefusal(error);
      }
      schedule(attempt + 1);
    };

    schedule(0);
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [id, round]);

  const again = useCallback(() => {
    setPaused(false);
    setRound((current) => current + 1);
  }, []);

  return { purchase, refusal, paused, again, replace: setPurchase };
}
