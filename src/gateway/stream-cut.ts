import type { Unextended } from '#gateway/growing-hold';
import type { Booking } from '#gateway/settlement';
import { formatUsd } from '#kernel/money';
import type { ChargeRule } from '#metering/rules';

/** What is known of a stream when no more of it is held for. */
export interface CutFacts {
  /** By which rule it would end, were all passed on that has arrived. */
  readonly rule: ChargeRule;
  /** The upstream sends no more, whole or broken off. */
  readonly ended: boolean;
  readonly refusal: Unextended['outcome'];
}

export type Cut =
  /** The upstream failed first: it ends as any other that fails, and costs nothing (S7, S8). */
  | 'failed'
  /** What was delivered is charged as counted (S11). */
  | 'charged'
  /** It ends because of us, and costs nothing. */
  | 'free';

/** A lapsed hold is settled late (H4); of one that is resolved the ledger says what it charged. */
const REFUSED: Readonly<Record<Unextended['outcome'], Cut>> = {
  insufficient_credit: 'charged',
  in_debt: 'charged',
  limit_reached: 'charged',
  hold_expired: 'charged',
  already_resolved: 'charged',
  unknown_hold: 'charged',
  // That is no doing of the customer's.
  ledger_unavailable: 'free',
};

/**
 * What ended the stream comes first, so that an answer which failed costs the same whatever credit
 * there was. An answer that is complete but for what could not be held for has not failed.
 */
export function cutOf({ rule, ended, refusal }: CutFacts): Cut {
  if (rule === 'S7' || (rule === 'S8' && ended)) return 'failed';
  return REFUSED[refusal];
}

type Details = Readonly<Record<string, unknown>>;

/**
 * The amounts of a refusal are from before the stream was settled, when what it held was not
 * available. What is true afterwards is told, or nothing, where the settlement is journaled.
 * `required_usd` stays what the hold would have had to be in all.
 */
export function cutDetails(details: Details | undefined, booking: Booking): Details | undefined {
  if (details?.available_usd === undefined) return details;
  const { available_usd: _before, ...rest } = details;
  if (booking.outcome !== 'booked') return rest;
  const { available, charged } = booking;
  return { available_usd: formatUsd(available), charged_usd: formatUsd(charged), ...rest };
}
