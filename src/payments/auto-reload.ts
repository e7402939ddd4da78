import { divideUp, least, NANOS_PER_CENT, type NanoUsd, nanos, ZERO } from '#kernel/money';

/** Why a card is not charged by itself until a person acts. Persisted and on the wire. */
export type PauseReason = 'card_declined' | 'declined_repeatedly' | 'verification_required';
/** The same, and what others pause for (`reload-pauses.ts`). */
export type Paused = PauseReason | 'dispute' | 'fraud_warning' | 'suspended';

/**
 * Why nothing is bought though no card said no: none was asked. Persisted and on the wire. It ends at
 * a time, or when somebody changes what is wrong; it is no refusal and counts as none.
 */
export type HeldBy =
  | 'address_needed'
  | 'address_refused'
  | 'region_not_sold'
  | 'payments_down'
  | 'month_full_with_tax';

/** Every answer there is to "why did it (not) reload". Persisted and on the wire. */
export const ANSWERS = [
  'started',
  'off',
  'paused',
  'enough',
  'under_way',
  'no_card',
  'card_resting',
  'cooling_down',
  'hour_full',
  'day_full',
  'month_full',
  'declined_recently',
  'balance_full',
  'address_needed',
  'address_refused',
  'region_not_sold',
  'payments_down',
  'month_full_with_tax',
  'refunded',
] as const;
export type Answer = (typeof ANSWERS)[number];

/** Brakes that are not for the customer to loosen (money rule 6). */
export const COOLDOWN_MS = 60_000;
export const MAX_PER_HOUR = 3;
export const SOFT_DECLINES_MAX = 3;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Card networks count repeated attempts: after a refusal the same card rests for a day. */
export const AFTER_DECLINE_MS = DAY_MS;

/** All that the decision looks at, read under the lock of the organization's settings. */
export interface ReloadFacts {
  readonly now: Date;
  readonly enabled: boolean;
  readonly paused: Paused | null;
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
  /** Usable grants less debt; below zero where more is owed than there is. */
  readonly counted: bigint;
  /** Purchases whose money is on its way. */
  readonly pending: NanoUsd;
  readonly underWay: boolean;
  /** The default card, if it may be charged without its holder. */
  readonly card: { readonly restsUntil: Date | null } | null;
  /** What the billing address stands in the way of, as it is now. */
  readonly barred: 'address_needed' | 'region_not_sold' | null;
  /** What an earlier reload met that no card was asked for. */
  readonly held: { readonly by: HeldBy; readonly until: Date | null } | null;
  readonly lastCreditedAt: Date | null;
  readonly lastDeclinedAt: Date | null;
  /** When the reloads of the last 24 hours began, newest first, without those that failed. */
  readonly begun: readonly Date[];
  /** What cards were charged for reloads since the month began, tax included. */
  readonly chargedInMonth: NanoUsd;
  readonly nextMonth: Date;
  /** The least and the most that may be bought at once, and what the balance has room for. */
  readonly minimum: NanoUsd;
  readonly maximum: NanoUsd;
}

export type Decision =
  | { readonly answer: 'started'; readonly amount: NanoUsd }
  /** `until` is when the answer may change by itself; null if only by what somebody does. */
  | { readonly answer: Exclude<Answer, 'started'>; readonly until: Date | null };

/** A purchase that is under way is looked at again, whoever finishes it. */
const LOOK_AGAIN_MS = 5_000;

const after = (at: Date, ms: number): Date => new Date(at.getTime() + ms);
const wait = (answer: Exclude<Answer, 'started'>, until: Date | null = null): Decision => ({
  answer,
  until,
});

/** The brakes in the order in which they are tried; the first that holds is the answer. */
const BRAKES: readonly ((facts: ReloadFacts) => Decision | undefined)[] = [
  ({ enabled }) => (enabled ? undefined : wait('off')),
  ({ paused, now }) => {
    if (paused === null) return undefined;
    // Nothing tells payments that an organization is served again.
    return wait('paused', paused === 'suspended' ? after(now, HOUR_MS) : null);
  },
  ({ underWay, now }) => (underWay ? wait('under_way', after(now, LOOK_AGAIN_MS)) : undefined),
  ({ counted, pending, threshold, now }) => {
    if (counted + pending < threshold) return undefined;
    // What is only on its way may not arrive.
    return wait('enough', counted < threshold ? after(now, LOOK_AGAIN_MS) : null);
  },
  ({ card }) => (card === null ? wait('no_card') : undefined),
  ({ barred }) => (barred === null ? undefined : wait(barred)),
  ({ held, now }) => {
    if (held === null) return undefined;
    return held.until === null ? wait(held.by) : unlessPast(held.by, held.until, 0, now);
  },
  ({ card, now }) => unlessPast('card_resting', card?.restsUntil, 0, now),
  ({ lastDeclinedAt, now }) =>
    unlessPast('declined_recently', lastDeclinedAt, AFTER_DECLINE_MS, now),
  ({ lastCreditedAt, now }) => unlessPast('cooling_down', lastCreditedAt, COOLDOWN_MS, now),
  ({ begun, now }) => unlessPast('hour_full', begun[MAX_PER_HOUR - 1], HOUR_MS, now),
  ({ begun, maxPerDay, now }) => unlessPast('day_full', begun[maxPerDay - 1], DAY_MS, now),
];

function unlessPast(
  answer: Exclude<Answer, 'started'>,
  at: Date | null | undefined,
  forMs: number,
  now: Date,
): Decision | undefined {
  if (at === null || at === undefined) return undefined;
  const until = after(at, forMs);
  return until <= now ? undefined : wait(answer, until);
}

/**
 * Whether to buy now, and how much: up to the target, in whole cents, never less than the least
 * purchase, never more than the month has left (money rule 6). Pure: the caller keeps the lock.
 */
export function decideReload(facts: ReloadFacts): Decision {
  for (const brake of BRAKES) {
    const held = brake(facts);
    if (held !== undefined) return held;
  }
  const { target, counted, pending, minimum, maximum, maxPerMonth, chargedInMonth } = facts;
  const missing = wholeCents(nanos(target - counted - pending));
  const wanted = least(missing < minimum ? minimum : missing, maximum);
  const left = maxPerMonth === null ? wanted : nanos(maxPerMonth - chargedInMonth);
  const amount = floorCents(least(wanted, left));
  if (maximum < minimum) return wait('balance_full', after(facts.now, HOUR_MS));
  if (amount < minimum) return wait('month_full', facts.nextMonth);
  return { answer: 'started', amount };
}

const wholeCents = (amount: NanoUsd): NanoUsd =>
  nanos(divideUp(amount, NANOS_PER_CENT) * NANOS_PER_CENT);
const floorCents = (amount: NanoUsd): NanoUsd =>
  amount <= 0n ? ZERO : nanos((amount / NANOS_PER_CENT) * NANOS_PER_CENT);

/** What a refused charge means for the next ones. */
export type Refusal = 'hard' | 'soft' | 'verification';

/** Codes after which the same card is never charged again without its owner (stripe facts 2). */
const HARD: ReadonlySet<string> = new Set([
  ...['incorrect_number', 'lost_card', 'pickup_card', 'stolen_card', 'fraudulent'],
  ...['revocation_of_authorization', 'revocation_of_all_authorizations', 'stop_payment_order'],
  ...['highest_risk_level', 'transaction_not_allowed', 'do_not_try_again', 'invalid_account'],
  ...['expired_card', 'expired_payment_method', 'merchant_blacklist', 'account_closed'],
  ...['new_account_information_available', 'card_not_supported', 'currency_not_supported'],
]);
const VERIFICATION: ReadonlySet<string> = new Set([
  'authentication_required',
  'payment_intent_authentication_failure',
  'authentication_not_handled',
]);

export function refusalOf(decline: {
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly adviceCode: string | null;
  readonly outcomeReason: string | null;
}): Refusal {
  const codes = [decline.declineCode, decline.code, decline.outcomeReason];
  const is = (set: ReadonlySet<string>): boolean =>
    codes.some((code) => code !== null && set.has(code));
  if (is(VERIFICATION)) return 'verification';
  if (decline.adviceCode === 'do_not_try_again' || is(HARD)) return 'hard';
  return 'soft';
}

/** Which pause follows a refusal, with `before` soft ones before it; none where it is tried again. */
export function pauseAfter(refusal: Refusal, before: number): PauseReason | null {
  if (refusal === 'verification') return 'verification_required';
  if (refusal === 'hard') return 'card_declined';
  return before + 1 >= SOFT_DECLINES_MAX ? 'declined_repeatedly' : null;
}
