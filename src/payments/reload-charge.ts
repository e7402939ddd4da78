import type { Db } from '#db/pool';
import { type HeldBy, pauseAfter, refusalOf } from '#payments/auto-reload';
import type { SettingsRow } from '#payments/auto-reload-sql';
import * as reloadSql from '#payments/auto-reload-sql';
import type { Charged } from '#payments/card-charges';
import { restAfter } from '#payments/cards-resting';
import type { DeclineClass } from '#payments/decline-words';
import { type Decline, explainDecline, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { findCustomer, idempotencyKey, reread } from '#payments/opening';
import type { Payment } from '#payments/processor';
import { isOurPurchase, isOurs } from '#payments/reload-owner';
import { reloadPauses } from '#payments/reload-pauses';
import { keepTerms, type Terms } from '#payments/reload-terms';
import { type SettledVia, settlePayment } from '#payments/settle';
import * as sql from '#payments/sql';
import { tellReloadRefused } from '#payments/telling';
import { advance } from '#payments/transition';

type Purchase = sql.Purchase;

const CHARGING = 'Charging the saved card.';
const SWITCHED_OFF = 'Auto-reload was switched off or paused before the card was charged.';
const TOO_LATE = 'The card could not be charged in time. You were not charged.';
const NO_CARD = 'There is no saved card that may be charged. You were not charged.';
const NO_ROOM =
  'The month has no room for the smallest purchase with its tax. You were not charged.';

/**
 * Charges the card of a stored reload and sees what came of it. Like `openPurchase`: by anyone, at
 * any time, any number of times, because the key and all that is asked are the row's. Answers the
 * purchase as it stands then.
 */
export async function carryOnReload(deps: PaymentsDeps, purchase: Purchase): Promise<Purchase> {
  if (!isOurPurchase(deps, purchase)) return purchase;
  const inTime = purchase.sessionExpiresAt > deps.clock.now();
  const allowed = await allow(deps, purchase, inTime);
  const begun = await reread(deps, purchase);
  if (begun.state !== 'opening') return begun;
  const customerId = await findCustomer(deps, begun.organizationId);
  if (customerId === null) {
    await unchargeable(deps, begun);
    return reread(deps, begun);
  }
  if (!allowed) return lookOnly(deps, begun, customerId, inTime ? SWITCHED_OFF : TOO_LATE);
  const terms = await keepTerms(deps, begun, (tx, settings) =>
    isAllowed(deps, tx, begun, settings),
  );
  if (terms.outcome !== 'kept') {
    if (terms.outcome !== 'later') await giveUp(deps, begun, terms);
    return reread(deps, begun);
  }
  const ready = terms.purchase;
  if (ready.paymentMethodId === null) return ready;
  const answer = await deps.cardCharges.chargeCard({
    purchaseId: ready.id,
    organizationId: ready.organizationId,
    environment: deps.environment,
    customerId,
    paymentMethodId: ready.paymentMethodId,
    total: ready.total,
    receiptEmail: ready.receiptEmail,
    taxCalculation: ready.taxCalculation,
    idempotencyKey: idempotencyKey(deps, ready, 'charge'),
  });
  await digest(deps, ready, customerId, answer);
  return reread(deps, ready);
}

/**
 * Off means off: decided with the settings locked, in the transaction that says the call is made.
 * Whoever switches it off after that is told that a reload is under way.
 */
function allow(deps: PaymentsDeps, purchase: Purchase, inTime: boolean): Promise<boolean> {
  const { organizationId } = purchase;
  return deps.pool.transaction(async (tx) => {
    const [settings] = await tx.query<SettingsRow>(reloadSql.lockSettings(organizationId));
    const allowed = inTime && (await isAllowed(deps, tx, purchase, settings));
    if (!allowed) await dropDraft(tx, purchase);
    else if ((await advance(tx, purchase, 'call_started', {}, CHARGING)) === undefined) {
      await tx.query(reloadSql.noteCall(purchase));
    }
    return allowed;
  });
}

async function isAllowed(
  deps: PaymentsDeps,
  tx: Db,
  { organizationId }: Pick<Purchase, 'organizationId'>,
  settings: SettingsRow | undefined,
): Promise<boolean> {
  const pauses = await reloadPauses(tx, organizationId);
  const on = settings?.enabled === true && isOurs(deps, settings);
  return on && settings.paused === null && pauses.length === 0;
}

/** A reload nobody was charged for yet; from any later state nothing is listed. */
export async function dropDraft(
  tx: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
): Promise<void> {
  const [locked] = await tx.query<Purchase>(sql.lockPurchase(purchase.organizationId, purchase.id));
  if (locked?.state === 'draft') await advance(tx, locked, 'customer_canceled', {}, SWITCHED_OFF);
}

/** No new charge may be made: only whether one was made before. */
async function lookOnly(
  deps: PaymentsDeps,
  purchase: Purchase,
  customerId: string,
  detail: string,
): Promise<Purchase> {
  const found = await deps.cardCharges.findPaymentOf(customerId, purchase.id);
  if (found.outcome === 'unavailable') return purchase;
  if (found.outcome === 'missing') {
    await deps.pool.transaction(async (tx) => {
      // Another process may have called a moment ago: its charge would come after our word.
      const [quiet] = await tx.query(reloadSql.lockIfQuiet(purchase));
      if (quiet !== undefined) await advance(tx, purchase, 'charge_declined', {}, detail);
    });
    return reread(deps, purchase);
  }
  if (isUndecided(found.payment)) {
    const [quiet] = await deps.pool.query(reloadSql.lockIfQuiet(purchase));
    if (quiet === undefined) return purchase;
  }
  await digest(deps, purchase, customerId, { outcome: 'answered', payment: found.payment });
  return reread(deps, purchase);
}

/** What came in the way before a card was asked: said, and kept as what holds further reloads. */
async function giveUp(
  deps: PaymentsDeps,
  purchase: Purchase,
  terms: Exclude<Terms, { readonly outcome: 'kept' | 'later' }>,
): Promise<void> {
  switch (terms.outcome) {
    case 'off':
      return endUnasked(deps, purchase, SWITCHED_OFF, {});
    case 'no_card':
      return unchargeable(deps, purchase);
    case 'no_room':
      return endUnasked(deps, purchase, NO_ROOM, {}, ['month_full_with_tax', terms.until]);
    case 'hindered':
      return hindered(deps, purchase, terms.code);
  }
}

/** No card was asked, so none is called declined, none rests, and no refusal is counted. */
async function hindered(deps: PaymentsDeps, purchase: Purchase, code: string): Promise<void> {
  const told = explainDecline(plainDecline(code), purchase.total, purchase.id);
  const ours = OURS.has(told.class);
  const failure = ours ? told : explainDecline(plainDecline(UNREAD), purchase.total, purchase.id);
  const by = HELD_FOR[code] ?? (told.class === 'REGION' ? 'region_not_sold' : 'payments_down');
  const detail = `${failure.title}. You were not charged.`;
  await endUnasked(deps, purchase, detail, { failure }, [by, null]);
}

/** Causes that lie neither with a card nor with its bank; a code of theirs here was misread. */
const OURS: ReadonlySet<DeclineClass> = new Set(['US', 'REGION', 'FIX']);
const UNREAD = 'invalid_request_error';
const HELD_FOR: Readonly<Record<string, HeldBy>> = {
  billing_address_needed: 'address_needed',
  customer_tax_location_invalid: 'address_refused',
};

/** The key was used for a request that differs. */
const OTHER_REQUEST = 'idempotency_error';

type Held = readonly [by: HeldBy, until: Date | null];

/** Ends a reload whose card was not asked; one that another process has taken to it goes on. */
async function endUnasked(
  deps: PaymentsDeps,
  purchase: Purchase,
  detail: string,
  changes: sql.Changes,
  held?: Held,
): Promise<void> {
  const { organizationId } = purchase;
  await deps.pool.transaction(async (tx) => {
    await tx.query(reloadSql.lockSettings(organizationId));
    const [locked] = await tx.query<Purchase>(sql.lockPurchase(organizationId, purchase.id));
    if (locked?.paymentMethodId !== purchase.paymentMethodId) return;
    const ended = await advance(tx, purchase, 'charge_declined', changes, detail);
    if (ended !== undefined && held !== undefined) {
      // People are told by the question that comes after it, which this holds back.
      await tx.query(reloadSql.hold(organizationId, ...held));
    }
  });
}

async function digest(
  deps: PaymentsDeps,
  purchase: Purchase,
  customerId: string,
  answer: Charged,
): Promise<void> {
  if (answer.outcome === 'declined') {
    return declined(deps, purchase, answer.decline, answer.paymentIntentId);
  }
  if (answer.outcome === 'refused' && answer.code === OTHER_REQUEST) {
    // The release before asked in other words, and may have charged: only looking tells.
    return digest(deps, purchase, customerId, { ...answer, outcome: 'unknown', replayed: true });
  }
  if (answer.outcome === 'refused') {
    deps.log?.error({ purchase: purchase.id, detail: answer.detail }, 'a reload was refused');
    return hindered(deps, purchase, answer.code);
  }
  if (answer.outcome === 'answered') return follow(deps, purchase, answer.payment, 'auto_reload');
  deps.log?.warn({ purchase: purchase.id, detail: answer.detail }, 'a reload has no known outcome');
  await deps.pool.query(sql.pollWithinASecond(purchase));
  const found = await deps.cardCharges.findPaymentOf(customerId, purchase.id);
  if (found.outcome === 'found') {
    // Its call goes on, here or elsewhere: the answer under this key tells how it ends.
    if (isUndecided(found.payment) && !answer.replayed) return;
    return follow(deps, purchase, found.payment, 'auto_reload');
  }
  // The processor answers this key with its error for ever, and made nothing: only a new one helps.
  if (found.outcome === 'missing' && answer.replayed) {
    await deps.pool.query(sql.raiseAttempt(purchase));
  }
}

/** Made, and the card neither charged nor refused: as a payment is while its call is under way. */
const isUndecided = ({ status, decline }: Payment): boolean =>
  status === 'waiting' && decline === null;

async function follow(
  deps: PaymentsDeps,
  purchase: Purchase,
  payment: Payment,
  via: SettledVia,
): Promise<void> {
  if (payment.status === 'succeeded') {
    await settlePayment(deps, payment.id, via);
    return;
  }
  if (payment.status === 'processing') {
    await deps.pool.transaction((tx) =>
      advance(tx, purchase, 'payment_processing', { paymentIntentId: payment.id }),
    );
    return;
  }
  // Waiting for a person who is not there, or canceled: either way no money comes of it.
  const code = payment.status === 'acting' ? 'authentication_required' : 'processing_error';
  const why = payment.decline ?? plainDecline(code);
  await declined(deps, purchase, why, payment.id);
}

/** The words, the pause and the count of refusals go together; the payment is closed afterwards. */
async function declined(
  deps: PaymentsDeps,
  purchase: Purchase,
  decline: Decline,
  paymentIntentId: string | null,
): Promise<void> {
  const { organizationId } = purchase;
  const noted = await deps.pool.transaction(async (tx) => {
    const [settings] = await tx.query<SettingsRow>(reloadSql.lockSettings(organizationId));
    const failure = explainDecline(decline, purchase.total, purchase.id);
    const failed = await advance(
      tx,
      purchase,
      'charge_declined',
      { failure, lastDecline: decline, ...(paymentIntentId === null ? {} : { paymentIntentId }) },
      `${failure.title}. You were not charged.`,
    );
    if (failed === undefined) return false;
    const pause = pauseAfter(refusalOf(decline), settings?.softDeclines ?? 0);
    await tx.query(reloadSql.noteRefusal(organizationId, pause));
    await tellReloadRefused(deps, tx, failed, failure, pause);
    await restAfter(tx, organizationId, decline);
    return true;
  });
  if (!noted || paymentIntentId === null) return;
  // Nobody could pay on it unseen; canceled, it is also not taken for one that is still open.
  await deps.cardCharges.cancelPayment(paymentIntentId, idempotencyKey(deps, purchase, 'cancel'));
}

/** The rest keeps whatever took the card from making one purchase after the other. */
async function unchargeable(deps: PaymentsDeps, purchase: Purchase): Promise<void> {
  await deps.pool.transaction(async (tx) => {
    await tx.query(reloadSql.lockSettings(purchase.organizationId));
    const failed = await advance(tx, purchase, 'charge_declined', {}, NO_CARD);
    if (failed === undefined) return;
    await tx.query(reloadSql.restForADay(purchase.organizationId));
  });
}

/** Somebody could still pay on it: whoever recorded its refusal died before closing it. */
const PAYABLE: ReadonlySet<Payment['status']> = new Set(['waiting', 'acting']);

/** Asks the processor how a reload stands: the poller's way to it. */
export async function refreshReload(
  deps: PaymentsDeps,
  purchase: Purchase,
  via: SettledVia,
): Promise<Purchase> {
  if (!isOurPurchase(deps, purchase)) return purchase;
  if (purchase.state === 'draft' || purchase.state === 'opening') {
    return carryOnReload(deps, purchase);
  }
  if (purchase.paymentIntentId === null) return purchase;
  const read = await deps.processor.retrievePayment(purchase.paymentIntentId);
  // One that has failed is watched for money that comes late, not refused a second time.
  const news = read.outcome === 'found' && read.payment.status !== 'processing';
  if (purchase.state === 'failed' && news && PAYABLE.has(read.payment.status)) {
    const key = idempotencyKey(deps, purchase, 'cancel');
    await deps.cardCharges.cancelPayment(purchase.paymentIntentId, key);
  }
  if (news && (purchase.state === 'processing' || read.payment.status === 'succeeded')) {
    await follow(deps, purchase, read.payment, via);
  }
  return reread(deps, purchase);
}
