import { CARD_EVENTS, cardChanged } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { moneyBackTopic } from '#payments/money-back-events';
import { followMoneyBack, type MoneyBackOutcome } from '#payments/money-back-hints';
import { type ProcessorEvent, PURPOSE } from '#payments/processor';
import { refreshPurchase } from '#payments/purchases';
import { type SettledVia, type Settlement, settlePayment } from '#payments/settle';
import * as sql from '#payments/sql';

/**
 * Hints of other products and other deployments are dropped without asking the processor. Those
 * about money that goes back often carry no tags: their payment is asked instead.
 */
export const isOurs = (deps: Pick<PaymentsDeps, 'environment'>, event: ProcessorEvent): boolean =>
  moneyBackTopic(event.type) !== undefined ||
  (event.purpose === PURPOSE && event.environment === deps.environment);

export type HintOutcome = Settlement['outcome'] | 'refreshed' | MoneyBackOutcome;

/** Looks at what a hint names. Harmless when repeated, reordered or invented. */
export async function followHint(
  deps: PaymentsDeps,
  hint: Pick<ProcessorEvent, 'type' | 'objectId' | 'paymentIntentId'>,
  via: SettledVia,
): Promise<HintOutcome> {
  const back = await followMoneyBack(deps, hint, via);
  if (back !== undefined) return back;
  // News of a card carries no tag of ours; whose card it is, only our own rows can say.
  if (CARD_EVENTS.has(hint.type)) return await followCard(deps, hint.objectId);
  const [purchase] = await deps.pool.query<sql.Purchase>(
    sql.findByProcessorIds(hint.objectId, hint.paymentIntentId),
  );
  // Most hints are old news: of these the processor need not be asked.
  if (purchase?.state === 'credited' && purchase.paymentIntentId === hint.paymentIntentId) {
    return 'already_credited';
  }
  // An expired page often carries a payment that was never made: the page tells the story.
  if (hint.paymentIntentId !== null && !hint.type.endsWith('.expired')) {
    return (await settlePayment(deps, hint.paymentIntentId, via)).outcome;
  }
  if (purchase === undefined) return 'ignored';
  const refreshed = await refreshPurchase(deps, purchase.id, via);
  return refreshed.outcome === 'unknown_purchase' ? 'ignored' : refreshed.outcome;
}

async function followCard(deps: PaymentsDeps, cardId: string): Promise<HintOutcome> {
  const changed = await cardChanged(deps, cardId);
  if (changed === 'synced') return 'refreshed';
  return changed === 'unavailable' ? 'processor_unavailable' : 'ignored';
}
