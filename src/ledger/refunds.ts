import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import { type GrantFacts, givenBack, lockGrant, postNow } from '#ledger/grant-facts';
import * as sql from '#ledger/reversals-sql';
import { lockBook } from '#ledger/sql';
import { refundPaidOut, refundRequested, refundReturned } from '#ledger/templates';

/** A refund by its own id, which makes every command about it repeatable. */
export interface Refund {
  readonly organizationId: OrganizationId;
  readonly reference: string;
}

export interface RefundRequest extends Refund {
  readonly grantId: GrantId;
  /** Credit without tax, above 0; 'all' for everything that can be refunded now. */
  readonly amount: NanoUsd | 'all';
  /**
   * The smallest amount in which money can be paid out, one cent for a card. Credit and tax are
   * whole multiples of it; one nano-dollar if absent.
   */
  readonly unit?: NanoUsd;
  /**
   * Tax that went back with it, where somebody else has decided that already; its share pro rata if
   * absent. Not more than what refunds and disputes have left of the tax.
   */
  readonly tax?: NanoUsd;
}

interface RefundAmounts {
  readonly amount: NanoUsd;
  readonly tax: NanoUsd;
}

export type RefundOutcome =
  | ({ readonly outcome: 'refunding' } & RefundAmounts)
  | ({ readonly outcome: 'already_refunding' | 'already_paid' | 'already_failed' } & RefundAmounts)
  | { readonly outcome: 'exceeds_unspent'; readonly refundable: NanoUsd }
  /** The amount is not a multiple of the unit. */
  | { readonly outcome: 'not_payable' }
  | { readonly outcome: 'expired' }
  /** Disputed: a charge in dispute is not refunded as well. */
  | { readonly outcome: 'frozen' }
  | { readonly outcome: 'not_a_purchase' }
  | { readonly outcome: 'unknown_grant' };

const ONE_NANO = nanos(1n);

/**
 * An operator gives the unspent part of a purchase back, or some of it, with its tax. The credit is
 * gone at once; the money follows when the processor says so (`refundPaid`, `refundFailed`).
 */
export async function refundGrant(tx: Db, request: RefundRequest): Promise<RefundOutcome> {
  const { organizationId, reference, grantId, unit = ONE_NANO } = request;
  const grant = await lockGrant(tx, organizationId, grantId);
  if (grant === undefined) return { outcome: 'unknown_grant' };
  const earlier = await readRefund(tx, request);
  if (earlier !== undefined) {
    return { outcome: `already_${earlier.state}`, ...amountsOf(earlier) };
  }
  const quoted = quoteOf(grant, request.amount, unit);
  if (quoted.outcome !== 'refundable') return quoted;
  const { amount } = quoted;
  const tax = request.tax ?? quoted.tax;
  assert(tax <= grant.tax - grant.taxBack, 'no more tax goes back than was paid');
  await postNow(tx, organizationId, reference, refundRequested(grantId, amount, tax));
  await tx.query(sql.openRefund({ organizationId, reference, grantId, amount, tax }));
  return { outcome: 'refunding', amount, tax };
}

export type RefundQuote =
  | ({ readonly outcome: 'refundable' } & RefundAmounts)
  | Extract<RefundOutcome, { outcome: 'exceeds_unspent' | 'not_payable' | 'expired' | 'frozen' }>
  | { readonly outcome: 'not_a_purchase' };

/** What a refund of all that is unspent would give back now, with its tax. Moves nothing. */
export async function quoteRefund(
  tx: Db,
  of: Pick<RefundRequest, 'organizationId' | 'grantId' | 'unit'>,
): Promise<RefundQuote | { readonly outcome: 'unknown_grant' }> {
  const grant = await lockGrant(tx, of.organizationId, of.grantId);
  return grant === undefined ? { outcome: 'unknown_grant' } : quoteOf(grant, 'all', of.unit);
}

function quoteOf(
  grant: GrantFacts,
  wanted: NanoUsd | 'all',
  unit: NanoUsd = ONE_NANO,
): RefundQuote {
  if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };
  if (grant.stopped) return { outcome: 'frozen' };
  if (grant.expired) return { outcome: 'expired' };
  const refundable = refundableOf(grant, unit);
  const amount = wanted === 'all' ? refundable : wanted;
  if (amount > refundable || refundable === 0n) return { outcome: 'exceeds_unspent', refundable };
  assert(amount > 0n, 'a refund is of an amount above 0');
  if (amount % unit !== 0n) return { outcome: 'not_payable' };
  const tax = taxShare({ ...grant, back: givenBack(grant), part: amount, unit });
  return { outcome: 'refundable', amount, tax };
}

/** Unspent, promised to no hold, and never more than was paid and not given back, in whole units. */
const refundableOf = (grant: GrantFacts, unit: NanoUsd): NanoUsd => {
  const most = least(grant.unpromised, nanos(grant.credit - givenBack(grant)));
  return nanos(most - (most % unit));
};

export interface TaxShareOf {
  /** The whole payment: its credit, and the tax on top of it. */
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  /** Credit and tax that refunds and lost disputes have already given back. */
  readonly back: NanoUsd;
  readonly taxBack: NanoUsd;
  /** The credit that is given back now. */
  readonly part: NanoUsd;
  readonly unit?: NanoUsd;
}

/**
 * The tax that belongs to a part of a payment: what is due for all credit given back so far,
 * without what was given back before, rounded down to a unit. So the shares of any sequence of
 * parts add up to exactly the whole tax when all credit is back (F57), and never to more.
 */
export function taxShare(of: TaxShareOf): NanoUsd {
  const { credit, tax, back, taxBack, part, unit = ONE_NANO } = of;
  const due = (tax * (back + part)) / credit;
  // A failed refund took its own share away, which may have been rounded the other way.
  return due > taxBack ? nanos(due - taxBack - ((due - taxBack) % unit)) : ZERO;
}

export type RefundPaidOutcome =
  | ({ readonly outcome: 'paid' | 'already_paid' | 'already_failed' } & RefundAmounts)
  | { readonly outcome: 'unknown_refund' };

/** The processor has paid the refund out. */
export async function refundPaid(tx: Db, refund: Refund): Promise<RefundPaidOutcome> {
  const { organizationId, reference } = refund;
  await tx.query(lockBook(organizationId));
  const row = await readRefund(tx, refund);
  if (row === undefined) return { outcome: 'unknown_refund' };
  const { amount, tax } = amountsOf(row);
  if (row.state !== 'refunding') return { outcome: `already_${row.state}`, amount, tax };
  await postNow(tx, organizationId, reference, refundPaidOut(amount, tax));
  await tx.query(sql.endRefund(organizationId, reference, 'paid'));
  return { outcome: 'paid', amount, tax };
}

export type RefundFailedOutcome =
  | ({ readonly outcome: 'returned' | 'already_failed' } & RefundAmounts)
  | { readonly outcome: 'unknown_refund' };

/**
 * The refund did not reach the customer: the credit is theirs again, once (F58). A bank may send
 * back what was paid already. If the grant has expired or is frozen meanwhile, the credit is too.
 */
export async function refundFailed(tx: Db, refund: Refund): Promise<RefundFailedOutcome> {
  const { organizationId, reference } = refund;
  await tx.query(lockBook(organizationId));
  const row = await readRefund(tx, refund);
  if (row === undefined) return { outcome: 'unknown_refund' };
  const { amount, tax } = amountsOf(row);
  if (row.state === 'failed') return { outcome: 'already_failed', amount, tax };
  const lines = refundReturned(row.grant_id, amount, tax, row.state === 'paid');
  await postNow(tx, organizationId, reference, lines);
  await tx.query(sql.endRefund(organizationId, reference, 'failed'));
  return { outcome: 'returned', amount, tax };
}

const amountsOf = (row: sql.RefundRow): RefundAmounts => ({
  amount: nanos(row.amount_nanos),
  tax: nanos(row.tax_nanos),
});

async function readRefund(tx: Db, refund: Refund): Promise<sql.RefundRow | undefined> {
  const { organizationId, reference } = refund;
  const [row] = await tx.query<sql.RefundRow>(sql.refundByReference(organizationId, reference));
  return row;
}
