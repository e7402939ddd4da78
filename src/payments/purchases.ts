import type { Db } from '#db/pool';
import { newId, type OrganizationId } from '#kernel/ids';
import { centsExactly, type NanoUsd } from '#kernel/money';
import { grantRefusal } from '#ledger/grants';
import type { PurchaseFailure } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { observe } from '#payments/observe';
import { idempotencyKey, openPurchase, reread, SESSION_MS } from '#payments/opening';
import { OPEN_STATES, PHASE_OF, SENTENCES } from '#payments/purchase';
import { purchaseBounds } from '#payments/purchase-bounds';
import { type AgreedToKeep, noteConsent } from '#payments/purchase-cards';
import { refreshReload } from '#payments/reload-charge';
import { type SettledVia, settlePage } from '#payments/settle';
import * as sql from '#payments/sql';
import { beforePaying } from '#payments/tax-quote';
import { advance } from '#payments/transition';

export type Purchase = sql.Purchase;

export interface PurchaseRequest {
  readonly organizationId: OrganizationId;
  /** The credit, before tax. */
  readonly amount: NanoUsd;
  readonly trigger: 'manual';
  /** Who asked: a user or an API key, for the record. */
  readonly actor: string;
  /** One per opened form, so that pressing the button twice is one purchase. */
  readonly nonce?: string;
  /** That the card is kept once it has paid; nothing is kept without it. */
  readonly keepCard?: AgreedToKeep;
}

export type Begun =
  | { readonly outcome: 'opened'; readonly purchase: Purchase }
  | { readonly outcome: 'amount_not_cents' }
  | { readonly outcome: 'amount_too_small'; readonly minimum: NanoUsd }
  | { readonly outcome: 'amount_too_large'; readonly maximum: NanoUsd }
  /** Decided before anything is asked of a card: the region, or an address that is missing. */
  | { readonly outcome: 'barred'; readonly failure: PurchaseFailure }
  /** The form was used before, for another amount or with another answer about the card. */
  | { readonly outcome: 'nonce_reused'; readonly purchase: Purchase }
  /** Nobody knows yet; the same purchase is carried on in the background. */
  | { readonly outcome: 'processor_unavailable'; readonly purchase: Purchase }
  /** Definitively not opened; `purchase.failure` says why. */
  | { readonly outcome: 'processor_refused'; readonly purchase: Purchase };

/** Every limit is decided here, before anything is stored or asked: money is never turned away. */
export async function beginPurchase(deps: PaymentsDeps, request: PurchaseRequest): Promise<Begun> {
  if (centsExactly(request.amount) === undefined) return { outcome: 'amount_not_cents' };
  const { minimum, maximum } = await purchaseBounds(deps, request.organizationId);
  if (request.amount < minimum) return { outcome: 'amount_too_small', minimum };
  if (request.amount > maximum) return { outcome: 'amount_too_large', maximum };
  const refusal = await grantRefusal(deps.pool, request.organizationId, request.amount);
  if (refusal !== undefined) {
    const { outcome } = refusal;
    const most = outcome === 'balance_too_large' ? refusal.room : refusal.most;
    return { outcome: 'amount_too_large', maximum: most };
  }

  const { barred, addressOnFile } = await beforePaying(deps, request.organizationId);
  if (barred !== null) return { outcome: 'barred', failure: barred };

  const purchase = await storeDraft(deps, request, addressOnFile);
  const same =
    purchase.credit === request.amount && purchase.savesCard === (request.keepCard !== undefined);
  if (!same) return { outcome: 'nonce_reused', purchase };
  if (purchase.state === 'draft') await closeOthers(deps, purchase);

  const opening = await openPurchase(deps, purchase);
  if (opening.outcome === 'opened') return opening;
  return opening.outcome === 'refused'
    ? { outcome: 'processor_refused', purchase: opening.purchase }
    : { outcome: 'processor_unavailable', purchase: opening.purchase };
}

async function storeDraft(
  deps: PaymentsDeps,
  request: PurchaseRequest,
  addressOnFile: boolean,
): Promise<Purchase> {
  const { organizationId, actor } = request;
  const nonce = request.nonce ?? null;
  return deps.pool.transaction(async (tx) => {
    const [stored] = await tx.query<Purchase>(
      sql.insertDraft({
        organizationId,
        id: newId('purchase', deps.entropy),
        trigger: request.trigger,
        actor,
        nonce,
        credit: request.amount,
        provider: deps.processor.name,
        environment: deps.environment,
        sessionExpiresAt: new Date(deps.clock.now().getTime() + SESSION_MS),
        consoleUrl: deps.urls.console,
        automaticTax: deps.automaticTax === true,
        addressOnFile,
        savesCard: request.keepCard !== undefined,
      }),
    );
    if (stored !== undefined) {
      await tx.query(sql.insertTimeline(stored, 'draft', 'Purchase started.'));
      const { keepCard } = request;
      if (keepCard !== undefined) await noteConsent(deps, tx, stored, { ...keepCard, actor });
      return stored;
    }
    const [earlier] = await tx.query<Purchase>(sql.findByNonce(organizationId, nonce ?? ''));
    if (earlier === undefined) throw new Error('a purchase was neither stored nor found');
    return earlier;
  });
}

/** Two open pages are two ways to pay twice for one wish. What was paid meanwhile is credited. */
async function closeOthers(deps: PaymentsDeps, current: Purchase): Promise<void> {
  const others = await deps.pool.query<Purchase>(
    sql.listInStates(current.organizationId, ['awaiting_customer', 'declined']),
  );
  for (const other of others) {
    if (other.id !== current.id) {
      await close(deps, other, 'Replaced by a newer purchase. You were not charged for this one.');
    }
  }
}

export type Canceled =
  | { readonly outcome: 'canceled'; readonly purchase: Purchase }
  /** It had ended already, or money was faster. */
  | { readonly outcome: 'not_open'; readonly purchase: Purchase }
  | { readonly outcome: 'processor_unavailable'; readonly purchase: Purchase }
  | { readonly outcome: 'unknown_purchase' };

export async function cancelPurchase(
  deps: PaymentsDeps,
  purchaseId: string,
  organizationId?: string,
): Promise<Canceled> {
  const purchase = await readPurchase(deps.pool, purchaseId, organizationId);
  if (purchase === undefined) return { outcome: 'unknown_purchase' };
  return close(deps, purchase, SENTENCES.customer_canceled);
}

async function close(deps: PaymentsDeps, purchase: Purchase, detail: string): Promise<Canceled> {
  // There is no page to close: its card may be being charged right now.
  if (purchase.trigger === 'auto_reload') return { outcome: 'not_open', purchase };
  if (purchase.state === 'draft') {
    const dropped = await deps.pool.transaction((tx) =>
      advance(tx, purchase, 'customer_canceled', {}, detail),
    );
    if (dropped !== undefined) return { outcome: 'canceled', purchase: dropped };
  }
  const opened = await openPurchase(deps, purchase);
  const current = opened.purchase;
  if (opened.outcome === 'unknown') return { outcome: 'processor_unavailable', purchase: current };
  if (current.sessionId === null || PHASE_OF[current.state] !== 'open') {
    return { outcome: 'not_open', purchase: current };
  }
  const key = idempotencyKey(deps, current, 'expire');
  const answer = await deps.processor.expireCheckout(current.sessionId, key);
  if (answer.outcome === 'unavailable') {
    return { outcome: 'processor_unavailable', purchase: current };
  }
  if (answer.outcome === 'not_open') {
    const refreshed = await refreshPurchase(deps, current.id);
    return 'purchase' in refreshed
      ? { outcome: 'not_open', purchase: refreshed.purchase }
      : { outcome: 'not_open', purchase: current };
  }
  const canceled = await deps.pool.transaction((tx) =>
    advance(tx, current, 'customer_canceled', { redirectUrl: null }, detail),
  );
  if (canceled !== undefined) return { outcome: 'canceled', purchase: canceled };
  return { outcome: 'not_open', purchase: await reread(deps, current) };
}

/** With an organization, another one's purchase is not found. */
export async function readPurchase(
  db: Db,
  purchaseId: string,
  organizationId?: string,
): Promise<Purchase | undefined> {
  const rows = await db.query<Purchase>(sql.findPurchase(purchaseId, organizationId ?? null));
  return rows[0];
}

/** Newest first. */
export const listPurchases = (db: Db, organizationId: string, limit: number): Promise<Purchase[]> =>
  db.query<Purchase>(sql.listPurchases(organizationId, limit));

/** The newest purchase that still may bring money, if any. */
export async function findOpenPurchase(
  db: Db,
  organizationId: string,
): Promise<Purchase | undefined> {
  const rows = await db.query<Purchase>(sql.listInStates(organizationId, OPEN_STATES));
  return rows.at(-1);
}

export type Refreshed =
  | { readonly outcome: 'refreshed'; readonly purchase: Purchase }
  | { readonly outcome: 'processor_unavailable'; readonly purchase: Purchase }
  | { readonly outcome: 'unknown_purchase' };

/** Asks the processor how the purchase stands, and credits it if the money is in. */
export async function refreshPurchase(
  deps: PaymentsDeps,
  purchaseId: string,
  via: SettledVia = 'return_page',
): Promise<Refreshed> {
  const found = await readPurchase(deps.pool, purchaseId);
  if (found === undefined) return { outcome: 'unknown_purchase' };
  if (PHASE_OF[found.state] === 'settled') return { outcome: 'refreshed', purchase: found };
  if (found.trigger === 'auto_reload') {
    return { outcome: 'refreshed', purchase: await refreshReload(deps, found, via) };
  }
  if (found.state === 'draft' && via !== 'return_page') return giveUp(deps, found);

  const opening = await openPurchase(deps, found);
  const { purchase } = opening;
  if (opening.outcome === 'unknown') return { outcome: 'processor_unavailable', purchase };
  if (purchase.sessionId === null) return { outcome: 'refreshed', purchase };

  const page = await deps.processor.retrieveCheckout(purchase.sessionId);
  if (page.outcome === 'unavailable') return { outcome: 'processor_unavailable', purchase };
  if (page.outcome === 'missing') {
    deps.log?.error({ purchase: purchase.id }, 'the processor does not know a page it made');
    return { outcome: 'refreshed', purchase };
  }
  const { payment } = page.checkout;
  if (payment?.status === 'succeeded') await settlePage(deps, purchase, page.checkout, via);
  else await observe(deps, purchase, page.checkout);
  return { outcome: 'refreshed', purchase: await reread(deps, purchase) };
}

/** A draft was never taken to the processor: `call_started` is committed before the first call. */
async function giveUp(deps: PaymentsDeps, draft: Purchase): Promise<Refreshed> {
  await deps.pool.transaction((tx) => advance(tx, draft, 'given_up'));
  return { outcome: 'refreshed', purchase: await reread(deps, draft) };
}
