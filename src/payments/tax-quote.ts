import { createHash } from 'node:crypto';
import type { OrganizationId } from '#kernel/ids';
import { centsExactly, least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { grantRefusal } from '#ledger/grants';
import { copyDetails, findDetails, notSold, type StoredDetails } from '#payments/billing-details';
import { type RestingCard, restingCards } from '#payments/cards-resting';
import { explainDecline, type PurchaseFailure, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { DEFAULT_SELLING, sellsTo } from '#payments/selling';
import type { TaxLine } from '#payments/tax-processor';

/** What a purchase would come to, decided before anybody is sent to pay. */
export interface Quote {
  readonly amount: NanoUsd;
  /** Null while it cannot be said; `taxNote` says why. */
  readonly tax: NanoUsd | null;
  readonly total: NanoUsd | null;
  readonly taxLines: readonly TaxLine[];
  readonly taxNote: TaxNote;
  /** Of the credits, what pays a debt at once and cannot be spent. */
  readonly clearsDebt: NanoUsd;
  readonly usable: NanoUsd;
  /** Why this purchase cannot be made now; null if it can. */
  readonly refusal: PurchaseFailure | null;
  /** Cards that would be refused again for a while; any other is as good as ever. */
  readonly resting: readonly RestingCard[];
  readonly details: StoredDetails | undefined;
}

/** `computed`: by the address. `none`: no tax is collected here. The others: not known, and why. */
export type TaxNote = 'none' | 'computed' | 'address_needed' | 'address_refused' | 'not_known_yet';

/**
 * The reasons for which a purchase is refused before a card is asked for. Asked again when it
 * begins, so that no page is needed to keep them.
 */
export function barredBy(
  deps: Pick<PaymentsDeps, 'selling'>,
  details: Pick<StoredDetails, 'country'> | undefined,
): PurchaseFailure | null {
  const selling = deps.selling ?? DEFAULT_SELLING;
  if (details === undefined) {
    return selling.addressFirst
      ? explainDecline(plainDecline('billing_address_needed'), ZERO, '')
      : null;
  }
  return sellsTo(selling, details.country) ? null : notSold(deps, details.country);
}

export interface BeforePaying {
  /** Why nobody may be sent to pay; null if they may. */
  readonly barred: PurchaseFailure | null;
  /** The processor's customer has an address of ours: what was quoted is what will be asked. */
  readonly addressOnFile: boolean;
}

/**
 * To be asked right before a purchase is stored. Brings the processor's copy of the address up to
 * date where an earlier try failed; where that fails again, the payment page asks for one.
 */
export async function beforePaying(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
): Promise<BeforePaying> {
  const details = await findDetails(deps.pool, organizationId);
  const barred = barredBy(deps, details);
  if (barred !== null || details === undefined) return { barred, addressOnFile: false };
  const copied = await copyDetails(deps, organizationId, details);
  return { barred, addressOnFile: copied.outcome === 'copied' };
}

/** An amount of whole cents within the limits, and what would be paid for it. */
export async function quotePurchase(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  amount: NanoUsd,
): Promise<Quote> {
  const [details, balance, resting, room] = await Promise.all([
    findDetails(deps.pool, organizationId),
    readBalance(deps.pool, organizationId),
    restingCards(deps.pool, organizationId),
    grantRefusal(deps.pool, organizationId, amount),
  ]);
  const clearsDebt = least(amount, balance.debt);
  const refusal =
    room === undefined
      ? barredBy(deps, details)
      : explainDecline(plainDecline('amount_too_large'), amount, '');
  const base = {
    amount,
    clearsDebt,
    usable: nanos(amount - clearsDebt),
    refusal,
    resting,
    details,
  };
  const unknown = { tax: null, total: null, taxLines: [] };
  if (deps.automaticTax !== true) {
    return { ...base, tax: ZERO, total: amount, taxLines: [], taxNote: 'none' };
  }
  if (details === undefined) return { ...base, ...unknown, taxNote: 'address_needed' };
  if (refusal !== null) return { ...base, ...unknown, taxNote: 'not_known_yet' };
  const answer = await deps.tax.calculate({
    amount,
    details,
    key: taxKey(deps, organizationId, amount, details),
  });
  if (answer.outcome === 'unknown') return { ...base, ...unknown, taxNote: 'not_known_yet' };
  if (answer.outcome === 'refused') {
    // The card is innocent, and the address is what can be changed (S34).
    const words = explainDecline(plainDecline(answer.code), amount, '');
    const ours = words.class === 'US';
    deps.log?.warn({ organizationId, detail: answer.detail }, 'tax cannot be computed');
    const said = ours
      ? words
      : explainDecline(plainDecline('customer_tax_location_invalid'), amount, '');
    return {
      ...base,
      ...unknown,
      taxNote: ours ? 'not_known_yet' : 'address_refused',
      refusal: said,
    };
  }
  const { tax, total, lines } = answer.tax;
  return { ...base, tax, total, taxLines: lines, taxNote: 'computed' };
}

/** An error is kept under its key for a day; after a minute the question is a new one. */
function taxKey(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  amount: NanoUsd,
  details: StoredDetails,
): string {
  const minute = Math.floor(deps.entropy.nowMs() / 60_000);
  const asked = JSON.stringify([centsExactly(amount)?.toString(), details]);
  const digest = createHash('sha256').update(asked).digest('hex').slice(0, 16);
  return `${deps.environment}:${organizationId}:tax:${minute}:${digest}`;
}
