import { isSetupNews, setupChanged } from '#payments/card-setups';
import { CARD_EVENTS, cardChanged } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { moneyBackTopic } from '#payments/money-back-events';
import { followMoneyBack, type MoneyBackOutcome } from '#payments/money-back-hints';
import { type ProcessorEvent, PURPOSE } from '#payments/processor';
import { refreshPurchase } from '#payments/purchases';
import { type SettledVia, type Settlement, settlePage, settlePayment } from '#payments/settle';
import * as sql from '#payments/sql';

/**
 * Hints of other products and other deployments are dropped without asking the processor. Those
 * about money that goes back often carry no tags: their payment is asked instead. Those about cards
 * never do: our own rows are.
 */
export const isOurs = (deps: Pick<PaymentsDeps, 'environment'>, event: ProcessorEvent): boolean =>
  moneyBackTopic(event.type) !== undefined ||
  CARD_EVENTS.has(event.type) ||
  ((event.purpose === PURPOSE || isSetupNews(event)) && event.environment === deps.environment);

export type HintOutcome = Settlement['outcome'] | 'refreshed' | MoneyBackOutcome;

export type Hint = Pick<ProcessorEvent, 'type' | 'objectId' | 'paymentIntentId'> &
  Partial<Pick<ProcessorEvent, 'purchaseId'>>;

/** Looks at what a hint names. Harmless when repeated, reordered or invented. */
export async function followHint(
  deps: PaymentsDeps,
  hint: Hint,
  via: SettledVia,
): Promise<HintOutcome> {
  const back = await followMoneyBack(deps, hint, via);
  if (back !== undefined) return back;
  // News of a card carries no tag of ours; whose card it is, only our own rows can say.
  if (CARD_EVENTS.has(hint.type)) return await followCard(deps, hint.objectId);
  const purchase = await findHinted(deps, hint);
  // Most hints are old news: of these the processor need not be asked.
  if (purchase?.state === 'credited' && purchase.paymentIntentId === hint.paymentIntentId) {
    return 'already_credited';
  }
  // An expired page often carries a payment that was never made: the page tells the story.
  if (hint.paymentIntentId !== null && !hint.type.endsWith('.expired')) {
    return settleHinted(deps, purchase, hint.paymentIntentId, via);
  }
  if (purchase === undefined) {
    const saving = hint.type.startsWith('checkout.session.') ? hint.objectId : null;
    return saving === null ? 'ignored' : ((await setupChanged(deps, saving)) ?? 'ignored');
  }
  const refreshed = await refreshPurchase(deps, purchase.id, via);
  return refreshed.outcome === 'unknown_purchase' ? 'ignored' : refreshed.outcome;
}

async function followCard(deps: PaymentsDeps, cardId: string): Promise<HintOutcome> {
  const changed = await cardChanged(deps, cardId);
  if (changed === 'synced') return 'refreshed';
  return changed === 'unavailable' ? 'processor_unavailable' : 'ignored';
}

/** By what we stored of the processor's ids, else by what the hint claims to be about. */
async function findHinted(deps: PaymentsDeps, hint: Hint): Promise<sql.Purchase | undefined> {
  const [known] = await deps.pool.query<sql.Purchase>(
    sql.findByProcessorIds(hint.objectId, hint.paymentIntentId),
  );
  if (known !== undefined || hint.purchaseId == null) return known;
  const [claimed] = await deps.pool.query<sql.Purchase>(sql.findPurchase(hint.purchaseId, null));
  return claimed;
}

/**
 * One call where the purchase's page says all of it, itself and its payment. A hint that claims
 * another purchase's payment is not on that page, and the payment itself is asked.
 */
async function settleHinted(
  deps: PaymentsDeps,
  purchase: sql.Purchase | undefined,
  paymentIntentId: string,
  via: SettledVia,
): Promise<HintOutcome> {
  if (purchase?.sessionId != null && purchase.provider === deps.processor.name) {
    const page = await deps.processor.retrieveCheckout(purchase.sessionId);
    if (page.outcome === 'unavailable') return 'processor_unavailable';
    if (page.outcome === 'found' && page.checkout.payment?.id === paymentIntentId) {
      return (await settlePage(deps, purchase, page.checkout, via)).outcome;
    }
  }
  return (await settlePayment(deps, paymentIntentId, via)).outcome;
}
