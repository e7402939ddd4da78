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

/** The card that auto-reload charges; null if there is none that it may. */
export const chargedCard = (cards: readonly SavedCard[]): SavedCard | null =>
  cards.find((card) => card.is_default && card.attended_only === null) ?? null;
