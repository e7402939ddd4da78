import { deliver, LEASE_SECONDS } from './deliver.ts';
import type { SendingDeps } from './deps.ts';
import * as sql from './sql.ts';

/** Attempts one process has under way at most. */
const PLACES = 32;
/** Of those, for endpoints whose last attempt failed: they are the ones that may take long. */
const PLACES_FOR_FAILING = 8;
/** Of one endpoint, in all processes together. */
const OF_ONE_HEALTHY = 4;
const OF_ONE_FAILING = 1;

export interface Sender {
  /** Looks for what is due soon; answers at once. */
  wake(): void;
  /** Looks for what is due and begins as much of it as there is room for. */
  round(): Promise<void>;
  /** Resolves when nothing is under way and nothing was due. For tests. */
  rested(): Promise<void>;
  /** Begins nothing more, and waits for what is under way: each attempt has a bound in time. */
  close(): Promise<void>;
}

/**
 * Sends what is due, bounded. It is not the queue that waits for strangers: its few places are for
 * payments. An attempt that ends makes room and looks again, so a backlog drains without a timer.
 */
export function openSender(deps: SendingDeps): Sender {
  const under = { way: new Set<Promise<void>>(), healthy: 0, failing: 0 };
  let looking: Promise<void> | undefined;
  let again = false;
  let closed = false;

  async function claim(healthy: boolean, most: number, mostOfOne: number): Promise<number> {
    if (most <= 0 || closed) return 0;
    const claimed = await deps.pool.query<sql.ClaimedRow>(
      sql.claimDue({ healthy, most, mostOfOne, leaseSeconds: LEASE_SECONDS }),
    );
    for (const one of claimed) begin(one, healthy ? 'healthy' : 'failing');
    return claimed.length;
  }

  function begin(claimed: sql.ClaimedRow, kind: 'healthy' | 'failing'): void {
    under[kind] += 1;
    const work = deliver(deps, claimed)
      .catch((error: unknown) => {
        // The lease ends and it is sent again; that it may arrive twice is what the id is for.
        const { endpointId, eventId } = claimed;
        deps.log?.error({ err: error, endpointId, eventId }, 'the end of a delivery was not noted');
      })
      .then(() => {
        under[kind] -= 1;
        under.way.delete(work);
        wake();
      });
    under.way.add(work);
  }

  async function look(): Promise<void> {
    do {
      again = false;
      await claim(true, PLACES - under.healthy - under.failing, OF_ONE_HEALTHY);
      const left = PLACES - under.healthy - under.failing;
      await claim(false, Math.min(left, PLACES_FOR_FAILING - under.failing), OF_ONE_FAILING);
    } while (again && !closed);
  }

  async function round(): Promise<void> {
    again = true;
    looking ??= look().finally(() => {
      looking = undefined;
    });
    await looking;
  }

  function wake(): void {
    if (closed) return;
    round().catch((error: unknown) => {
      deps.log?.error({ err: error }, 'looking for due webhooks failed and is tried again');
    });
  }

  return {
    wake,
    round,
    async rested() {
      do {
        await round();
        await Promise.all(under.way);
      } while (under.way.size > 0 || looking !== undefined);
    },
    async close() {
      closed = true;
      await looking?.catch(() => {});
      await Promise.all(under.way);
    },
  };
}
