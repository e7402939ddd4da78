import { formatUsd, fromCents, type NanoUsd } from '#kernel/money';
import type { PaidGrant } from '#ledger/paid-grants';
import type { Movement } from '#payments/books';
import type { Difference, DifferenceKind } from '#payments/differences';
import type { Sold } from '#payments/reconcile-sql';

const usd = (amount: NanoUsd): string => `$${formatUsd(amount)}`;

/** An amount of the processor's as a person reads it, in whatever currency it is. */
export const charged = (minorUnits: bigint, currency: string): string =>
  currency === 'usd' ? usd(fromCents(minorUnits)) : `${minorUnits} ${currency}`;

const sameAmount = (minorUnits: bigint, currency: string, amount: NanoUsd): boolean =>
  currency === 'usd' && fromCents(minorUnits) === amount;

function about(
  kind: DifferenceKind,
  purchase: Pick<Sold, 'organizationId' | 'id' | 'paymentIntentId' | 'chargedAt'>,
  detail: string,
  at?: Date,
): Difference {
  return {
    kind,
    reference: purchase.paymentIntentId ?? purchase.id,
    organizationId: purchase.organizationId,
    purchaseId: purchase.id,
    detail,
    happenedAt: at ?? purchase.chargedAt ?? new Date(0),
  };
}

/** What was taken, beside what was sold. */
export function compareCharge(charge: Movement, purchase: Sold): Difference[] {
  const { minorUnits, currency, at } = charge;
  if (sameAmount(minorUnits, currency, purchase.total)) return [];
  const detail = `${charged(minorUnits, currency)} taken, ${usd(purchase.total)} sold`;
  return [about('amount_differs', purchase, detail, at)];
}

/** What was sold, beside what was booked: credit and tax each on its own. */
export function compareSold(purchase: Sold, grant: PaidGrant | undefined): Difference[] {
  if (grant === undefined) {
    return [about('grant_differs', purchase, 'the ledger has no grant of this payment')];
  }
  const fits =
    grant.grantId === purchase.grantId &&
    grant.credit === purchase.credit &&
    grant.tax === purchase.tax;
  if (fits) return [];
  const booked = `${usd(grant.credit)} and ${usd(grant.tax)} tax booked`;
  const sold = `${usd(purchase.credit)} and ${usd(purchase.tax)} tax sold`;
  return [about('grant_differs', purchase, `${booked}, ${sold}`)];
}

export const notPaid = (purchase: Sold): Difference =>
  about('credited_not_paid', purchase, `${usd(purchase.credit)} credited, nothing paid`);

export const notCredited = (charge: Movement, why: string): Difference => ({
  kind: 'paid_not_credited',
  reference: charge.paymentIntentId ?? charge.sourceId,
  organizationId: charge.organizationId,
  purchaseId: charge.purchaseId,
  detail: `${charged(charge.minorUnits, charge.currency)} paid; ${why}`,
  happenedAt: charge.at,
});

export const grantAlone = (grant: PaidGrant): Difference => ({
  kind: 'grant_without_purchase',
  reference: grant.source,
  organizationId: grant.organizationId,
  purchaseId: null,
  detail: `${usd(grant.credit)} credited as ${grant.grantId}`,
  happenedAt: grant.grantedAt,
});

/** What went back, beside what was booked as gone back. */
export function compareRefunds(
  back: { readonly minorUnits: bigint; readonly currency: string },
  purchase: Sold,
  booked: NanoUsd,
  at: Date,
): Difference[] {
  const { minorUnits, currency } = back;
  if (sameAmount(minorUnits, currency, booked)) return [];
  const detail = `${charged(minorUnits, currency)} paid back, ${usd(booked)} booked`;
  return [about('refund_differs', purchase, detail, at)];
}

export const disputeUnknown = (dispute: Movement, purchase: Sold): Difference => ({
  ...about('dispute_unknown', purchase, `dispute ${dispute.sourceId}`, dispute.at),
  reference: dispute.sourceId,
});
