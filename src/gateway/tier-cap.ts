import type { Caller } from '#gateway/auth';
import { within } from '#gateway/in-time';
import type { Clock } from '#kernel/clock';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';

/** Puts a monthly cap in force, or (null) takes it away. */
export type SetCap = (organizationId: OrganizationId, amount: NanoUsd | null) => Promise<unknown>;

/**
 * Sees to it that what is enforced is the cap of the tier an organization is in. The key's look-up
 * says what is enforced; where the tier says otherwise (another tier, another default, another
 * file), the next request puts it right before anything is held for it.
 */
export interface TierCaps {
  differs(caller: Caller, cap: NanoUsd | null): boolean;
  /** Never rejects: a store that is away refuses the hold anyway. */
  put(organizationId: OrganizationId, cap: NanoUsd | null): Promise<void>;
}

// A first cap counts what the month has used so far: about a second for a million requests.
const PUT_MS = 3_000;
/** As long as a look-up is remembered, which says what was enforced before. */
const REMEMBER_MS = 6_000;
const REMEMBERED_MAX = 10_000;

export function tierCaps(set: SetCap | undefined, clock: Clock): TierCaps {
  const done = new Map<string, { readonly cap: NanoUsd | null; readonly untilMs: number }>();
  const underWay = new Map<string, Promise<void>>();

  async function putNow(organizationId: OrganizationId, cap: NanoUsd | null): Promise<void> {
    try {
      await set?.(organizationId, cap);
      if (done.size >= REMEMBERED_MAX) done.clear();
      done.set(organizationId, { cap, untilMs: clock.elapsedMs() + REMEMBER_MS });
    } finally {
      underWay.delete(organizationId);
    }
  }

  return {
    differs({ organizationId, tierCap = null }, cap) {
      if (set === undefined || tierCap === cap) return false;
      const known = done.get(organizationId);
      return known === undefined || known.cap !== cap || known.untilMs <= clock.elapsedMs();
    },
    async put(organizationId, cap) {
      const putting = underWay.get(organizationId) ?? putNow(organizationId, cap);
      underWay.set(organizationId, putting);
      await within(putting, PUT_MS).catch(() => {});
    },
  };
}
