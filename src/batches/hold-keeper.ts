import { keepHolds } from '#charging/lapse';
import type { Db } from '#db/pool';
import type { OrganizationId, RequestId } from '#kernel/ids';

/** Keeps the holds of a batch alive while it is being made; without it they lapse (H4). */
export interface HoldKeeper {
  add(requestIds: readonly RequestId[]): void;
  /** Resolves when no renewal is under way any more. */
  stop(): Promise<void>;
}

/** Rule H4, as for any request. */
const LEASE_MS = 45_000;
const RENEW_EVERY_MS = 15_000;
/** A statement with all of them would take seconds. */
export const KEPT_AT_ONCE = 5_000;

/**
 * Beside the lanes of charging: there, one statement that renews a hundred thousand holds would stand
 * before everybody's settlements.
 */
export function holdKeeper(
  db: Db,
  organizationId: OrganizationId,
  onFailure: (error: unknown) => void,
  /** Keeps alive, each time, what else must not lapse meanwhile. */
  beside: () => Promise<unknown> = async () => {},
  everyMs = RENEW_EVERY_MS,
): HoldKeeper {
  const kept: RequestId[] = [];
  let renewing: Promise<void> | undefined;
  let stopped = false;

  async function renew(): Promise<void> {
    for (let from = 0; from < kept.length && !stopped; from += KEPT_AT_ONCE) {
      await keepHolds(db, organizationId, kept.slice(from, from + KEPT_AT_ONCE), LEASE_MS);
    }
    if (!stopped) await beside();
  }
  const timer = setInterval(() => {
    renewing ??= renew()
      .catch(onFailure)
      .finally(() => {
        renewing = undefined;
      });
  }, everyMs);
  timer.unref();

  return {
    add(requestIds) {
      for (const id of requestIds) kept.push(id);
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await renewing;
    },
  };
}
