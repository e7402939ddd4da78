import type { SavedCard } from '#console-api/billing/contract';
import type { ReloadResponse } from '#console-api/reload/contract';

type Evaluation = ReloadResponse['evaluations'][number];

/** Switched on and below the threshold, and yet nothing is bought: answers that last. */
const HELD_BACK: readonly string[] = [
  'no_card',
  'card_resting',
  'hour_full',
  'day_full',
  'month_full',
  'declined_recently',
  'address_needed',
  'address_refused',
  'region_not_sold',
  'payments_down',
  'month_full_with_tax',
];

/**
 * What keeps an auto-reload that is on from buying: its latest answer, if that one lasts. None
 * while it is paused, which has words of its own.
 */
export function heldBack(reload: ReloadResponse): Evaluation | undefined {
  const [latest] = reload.evaluations;
  if (reload.status !== 'on' || latest === undefined) return undefined;
  return HELD_BACK.includes(latest.answer) ? latest : undefined;
}

/**
 * Why it was switched off, where nobody pressed the button: a payment was refunded. None once it was
 * switched on again, or when a person switched it off.
 */
export function switchedOffBy(reload: ReloadResponse): Evaluation | undefined {
  if (reload.enabled) return undefined;
  const told = reload.evaluations.find((one) => one.answer !== 'off');
  return told?.answer === 'refunded' ? told : undefined;
}

/** The card that auto-reload charges; null if there is none that it may. */
export const chargedCard = (cards: readonly SavedCard[]): SavedCard | null =>
  cards.find((card) => card.is_default && card.attended_only === null) ?? null;
