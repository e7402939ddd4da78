import type { Db } from '#db/pool';
import { least, NANOS_PER_CENT, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { HistoryRow, SettingsRow } from '#payments/auto-reload-sql';
import * as reloadSql from '#payments/auto-reload-sql';
import { findDetails, type StoredDetails } from '#payments/billing-details';
import { savedCards, whyAttended } from '#payments/cards';
import { explainDecline, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { idempotencyKey } from '#payments/opening';
import { purchaseBounds } from '#payments/purchase-bounds';
import { findReceiptEmail } from '#payments/receipt-email';
import * as sql from '#payments/sql';
import { barredBy } from '#payments/tax-quote';

type Purchase = sql.Purchase;

export type Terms =
  /** The row says what is charged to which card: now it may be. */
  | { readonly outcome: 'kept'; readonly purchase: Purchase }
  /** Another process was faster, or nobody knows the tax yet: it is asked again. */
  | { readonly outcome: 'later' }
  | { readonly outcome: 'off' }
  | { readonly outcome: 'no_card' }
  /** The month has no room for the least purchase with its tax. */
  | { readonly outcome: 'no_room'; readonly until: Date }
  /** No card was asked, for a cause of the table. */
  | { readonly outcome: 'hindered'; readonly code: string };

/**
 * Card, tax and amount of a stored reload, decided once and kept before the first call: a repeated
 * request must equal the first. The month's bound is of what the card pays; what it leaves is bought
 * with its tax, in whole cents, and never a cent more.
 */
export async function keepTerms(
  deps: PaymentsDeps,
  purchase: Purchase,
  isAllowed: (tx: Db, settings: SettingsRow | undefined) => Promise<boolean>,
): Promise<Terms> {
  if (purchase.paymentMethodId !== null) return { outcome: 'kept', purchase };
  const { organizationId } = purchase;
  const [card] = await savedCards(deps, organizationId);
  if (card?.isDefault !== true || whyAttended(card, deps.selling) !== null) {
    return { outcome: 'no_card' };
  }
  const details = await findDetails(deps.pool, organizationId);
  if (details !== undefined && barredBy(deps, details) !== null) {
    return { outcome: 'hindered', code: 'region_not_supported' };
  }
  const fitted = await mostThatFits(deps, purchase, details);
  if (fitted.outcome !== 'fits') return fitted;
  const { credit, tax, calculation } = fitted;
  return deps.pool.transaction(async (tx): Promise<Terms> => {
    const [settings] = await tx.query<SettingsRow>(reloadSql.lockSettings(organizationId));
    const [locked] = await tx.query<Purchase>(sql.lockPurchase(organizationId, purchase.id));
    // Another process was faster, and charges the card now.
    if (locked?.state !== 'opening' || locked.paymentMethodId !== null) return { outcome: 'later' };
    if (!(await isAllowed(tx, settings))) return { outcome: 'off' };
    const room = await roomFor(tx, locked, settings);
    // The bound was changed while the tax was asked for: what fits it is another question.
    if (room !== null && credit + tax > room.left) return { outcome: 'later' };
    const receiptEmail = await findReceiptEmail(tx, organizationId, settings);
    const terms = { paymentMethodId: card.id, credit, tax, receiptEmail, calculation };
    const [kept] = await tx.query<Purchase>(sql.keepChargeTerms(purchase, terms));
    if (kept === undefined) return { outcome: 'later' };
    if (credit < locked.credit) await tx.query(sql.insertTimeline(kept, kept.state, REDUCED));
    return { outcome: 'kept', purchase: kept };
  });
}

const REDUCED = 'Made smaller: with its tax it fits what is left of the amount per month.';

interface Room {
  /** What cards may still be charged this month, this reload included. */
  readonly left: bigint;
  readonly nextMonth: Date;
}

/** Null where no bound was set. */
async function roomFor(
  db: Db,
  purchase: Pick<Purchase, 'organizationId' | 'total'>,
  settings: SettingsRow | undefined,
): Promise<Room | null> {
  const most = settings?.maxPerMonth ?? null;
  if (most === null) return null;
  const [history] = await db.query<HistoryRow>(reloadSql.history(purchase.organizationId));
  if (history === undefined) throw new Error('a question without rows has one row');
  const others = history.chargedInMonth - purchase.total;
  return { left: most - others, nextMonth: history.nextMonth };
}

/** A tax of steps or roundings settles within this many questions, or the reload waits. */
const QUESTIONS_MOST = 5;

type Fitted =
  | {
      readonly outcome: 'fits';
      readonly credit: NanoUsd;
      readonly tax: NanoUsd;
      readonly calculation: string | null;
    }
  | Exclude<Terms, { readonly outcome: 'kept' }>;

/** The most credit, up to the stored one, whose total the month has room for. */
async function mostThatFits(
  deps: PaymentsDeps,
  purchase: Purchase,
  details: StoredDetails | undefined,
): Promise<Fitted> {
  const { organizationId } = purchase;
  const [settings] = await deps.pool.query<SettingsRow>(reloadSql.findSettings(organizationId));
  const room = await roomFor(deps.pool, purchase, settings);
  const { minimum } = await purchaseBounds(deps, organizationId);
  let { credit } = purchase;
  for (let question = 0; question < QUESTIONS_MOST; question += 1) {
    const told = await taxOf(deps, purchase, credit, details);
    if (told.outcome !== 'taxed') return told;
    const { tax, calculation } = told;
    if (room === null || credit + tax <= room.left) {
      return { outcome: 'fits', credit, tax, calculation };
    }
    const smaller = shareOf(room.left, credit, tax);
    credit = least(smaller, nanos(credit - NANOS_PER_CENT));
    if (credit < minimum) return { outcome: 'no_room', until: room.nextMonth };
  }
  return { outcome: 'later' };
}

/** Of a total, the credit in whole cents, at the rate that this credit was taxed. */
function shareOf(total: bigint, credit: NanoUsd, tax: NanoUsd): NanoUsd {
  if (total <= 0n) return ZERO;
  const share = (total * credit) / (credit + tax);
  return nanos(share - (share % NANOS_PER_CENT));
}

type Taxed =
  | { readonly outcome: 'taxed'; readonly tax: NanoUsd; readonly calculation: string | null }
  | { readonly outcome: 'later' }
  | { readonly outcome: 'hindered'; readonly code: string };

async function taxOf(
  deps: PaymentsDeps,
  purchase: Purchase,
  credit: NanoUsd,
  details: StoredDetails | undefined,
): Promise<Taxed> {
  if (!purchase.automaticTax) return { outcome: 'taxed', tax: ZERO, calculation: null };
  if (details === undefined) return { outcome: 'hindered', code: 'billing_address_needed' };
  // Another address or amount is another question, which the same key would not be answered for.
  const cents = credit / NANOS_PER_CENT;
  const key = `${idempotencyKey(deps, purchase, 'tax')}:${details.version}:${cents}`;
  const answer = await deps.tax.calculate({ amount: credit, details, key });
  if (answer.outcome === 'done') {
    const { tax, calculation } = answer.tax;
    return { outcome: 'taxed', tax, calculation };
  }
  if (answer.outcome === 'refused') {
    // The card is innocent, and the address is what can be changed (S34).
    const ours = explainDecline(plainDecline(answer.code), credit, '').class === 'US';
    return { outcome: 'hindered', code: ours ? answer.code : 'customer_tax_location_invalid' };
  }
  // Nothing is charged yet, so a new attempt is no second charge.
  if (answer.replayed) await deps.pool.query(sql.raiseUnchargedAttempt(purchase));
  return { outcome: 'later' };
}
