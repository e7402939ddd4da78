import type { Pace } from '#advice/pace';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { UsableCredit } from '#ledger/spending';

/** How long the credit lasts at a pace. Persisted nowhere; the states are on the wire. */
export type Runway =
  /** A debt blocks all use until it is paid: no credit lasts. */
  | { readonly state: 'in_debt' }
  /** There is no pace to go by. */
  | { readonly state: 'no_spending' }
  | { readonly state: 'used_up' }
  | {
      readonly state: 'lasts';
      readonly until: Date;
      /** What it ends by: everything is spent, or what is left then expires. */
      readonly endsBy: 'spending' | 'expiry';
      /** Credit that would expire on the way before this pace gets to it. */
      readonly unused: NanoUsd;
    };

/**
 * Walks the grants as they burn down. What expires before this pace gets to it lengthens nothing,
 * and nothing that may be bought later counts. Exact but for a millisecond a grant. Pure.
 */
export function runwayAt(credit: UsableCredit, pace: Pace): Runway {
  const { now, debt, grants } = credit;
  if (debt > 0n) return { state: 'in_debt' };
  if (pace.spent === 0n) return { state: 'no_spending' };
  if (grants.every(({ remaining }) => remaining === 0n)) return { state: 'used_up' };
  const over = BigInt(pace.overMs);
  let at = BigInt(now.getTime());
  let unused: bigint = ZERO;
  let endsBy: 'spending' | 'expiry' = 'spending';
  for (const { remaining, until } of grants) {
    const left = BigInt(until.getTime()) - at;
    const needed = (remaining * over) / pace.spent;
    if (needed <= left) {
      at += needed;
      endsBy = 'spending';
    } else {
      const time = left > 0n ? left : 0n;
      unused += remaining - (pace.spent * time) / over;
      at += time;
      endsBy = 'expiry';
    }
  }
  const until = new Date(Number(at)); // tidy: count, of milliseconds
  return { state: 'lasts', until, endsBy, unused: nanos(unused) };
}
