import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { newId } from '#kernel/ids';
import type { SetupRow } from '#payments/card-setups-sql';
import * as sql from '#payments/card-setups-sql';
import { type CardRow, makeDefault, removeCard, savedCards, syncCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { PURCHASE_CONSENT } from '#payments/purchase-consent';
import { isOurPurchase } from '#payments/reload-owner';
import { findPurchase, type Purchase } from '#payments/sql';
import { giveStarterCredit } from '#payments/starter';

/** What whoever buys agreed to, and from where. Only `agreeToKeep` makes one. */
export interface AgreedToKeep {
  readonly version: string;
  readonly ip: string;
}

export type Agreement =
  | { readonly outcome: 'agreed'; readonly agreed: AgreedToKeep }
  /** The text changed since the page was loaded: it must be read again. */
  | { readonly outcome: 'consent_outdated' };

export const agreeToKeep = (version: string, ip: string): Agreement =>
  version === PURCHASE_CONSENT.version
    ? { outcome: 'agreed', agreed: { version, ip } }
    : { outcome: 'consent_outdated' };

/** In the transaction that stores the purchase, so before anybody is sent to pay. */
export async function noteConsent(
  deps: PaymentsDeps,
  tx: Db,
  purchase: Purchase,
  by: AgreedToKeep & { readonly actor: string },
): Promise<void> {
  const { organizationId, id, provider, environment, consoleUrl } = purchase;
  await tx.query(
    sql.insertSetup({
      ...{ organizationId, provider, environment, consoleUrl },
      id: newId('cardSetup', deps.entropy),
      nonce: id,
      consentVersion: by.version,
      consentedBy: by.actor,
      consentedIp: by.ip,
      replacesCardId: null,
      purchaseId: id,
    }),
  );
}

/** The job that keeps a card; queued with the credit, so no browser is needed. */
export const KEEP_CARD_TASK = 'payments.keep_card';

/** In the transaction of the credit, which it can never fail or delay. */
export async function wantCardKept(tx: Db, purchase: Purchase): Promise<void> {
  if (!purchase.savesCard) return;
  const { organizationId, id } = purchase;
  const payload = { organization_id: organizationId, purchase_id: id };
  await enqueue(tx, KEEP_CARD_TASK, payload, { jobKey: `${KEEP_CARD_TASK}:${id}` });
}

/** `nothing_to_keep`: nobody agreed, nothing was paid, or the processor did not keep the card. */
export type Kept = 'kept' | 'nothing_to_keep' | 'processor_unavailable';

/**
 * Makes the card that paid a purchase a saved card of its organization, if that was agreed to: the
 * default where there is none that can be charged. Safe at any time, any number of times.
 */
export async function keepPurchaseCard(
  deps: PaymentsDeps,
  organizationId: string,
  purchaseId: string,
): Promise<Kept> {
  const { pool } = deps;
  const [setup] = await pool.query<SetupRow>(sql.findSetupOfPurchase(organizationId, purchaseId));
  if (setup?.state === 'saved') return 'kept';
  const [purchase] = await pool.query<Purchase>(findPurchase(purchaseId, organizationId));
  // Another deployment's: ours would say that no such payment exists, and the job would be done.
  if (purchase !== undefined && !isOurPurchase(deps, purchase)) return 'processor_unavailable';
  const paid = purchase?.state === 'credited' ? purchase.paymentIntentId : null;
  if (setup === undefined || purchase === undefined || paid === null) return 'nothing_to_keep';

  const read = await deps.processor.retrievePayment(paid);
  if (read.outcome === 'unavailable') return 'processor_unavailable';
  const cardId = read.outcome === 'found' ? (read.payment.paymentMethodId ?? null) : null;
  if ((await syncCards(deps, organizationId)) === 'unavailable') return 'processor_unavailable';
  const cards = await savedCards(deps, organizationId);
  const card = cards.find(({ id }) => id === cardId);
  if (card === undefined) {
    deps.log?.warn({ purchase: purchaseId }, 'the processor did not keep the card of a purchase');
    return 'nothing_to_keep';
  }
  return await keep(deps, setup, purchase, card, cards);
}

async function keep(
  deps: PaymentsDeps,
  setup: SetupRow,
  { organizationId }: Purchase,
  card: CardRow,
  cards: readonly CardRow[],
): Promise<Kept> {
  const twin = cards.find((other) => isOlderTwin(other, card));
  const renewed = twin !== undefined && !sameDate(twin, card);
  const kept = twin === undefined || renewed ? card : twin;
  const chargeable = cards.some(({ isDefault, expiry }) => isDefault && expiry !== 'expired');
  if (!chargeable || (renewed && twin.isDefault)) {
    const done = await makeDefault(deps, organizationId, kept.id);
    if (done.outcome === 'unavailable') return 'processor_unavailable';
  }
  await giveStarterCredit(deps, organizationId, setup.consentedBy);
  // Known before anything is removed: a card twice is a blemish, a card that is gone a loss.
  await deps.pool.query(
    sql.changeSetup(organizationId, setup.id, {
      ...{ state: 'saved', cardId: kept.id },
      ...{ sessionId: null, redirectUrl: null, failure: null },
    }),
  );
  if (twin !== undefined) {
    await removeCard(deps, organizationId, renewed ? twin.id : card.id);
  }
  deps.log?.info({ purchase: setup.purchaseId }, 'card of a purchase saved');
  return 'kept';
}

/**
 * The same card saved before. Of two that are kept at one moment only one is older, so that they do
 * not remove each other.
 */
const isOlderTwin = (other: CardRow, card: CardRow): boolean =>
  other.id !== card.id &&
  other.fingerprint !== null &&
  other.fingerprint === card.fingerprint &&
  (other.addedAt.getTime() - card.addedAt.getTime() || (other.id < card.id ? -1 : 1)) < 0;

const sameDate = (one: CardRow, other: CardRow): boolean =>
  one.expMonth === other.expMonth && one.expYear === other.expYear;
