import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import { freezeGrant, seizeFreeze } from '#ledger/disputes';
import { givenBack, lockGrant } from '#ledger/grant-facts';
import { refundGrant } from '#ledger/refunds';
import { type Split, splitPayment } from '#payments/payment-split';

/**
 * What a grant's payment can still give back of a sum that somebody else chose. Locks the book.
 */
export async function splitOf(
  tx: Db,
  organizationId: OrganizationId,
  grantId: GrantId,
  amount: NanoUsd,
): Promise<Split> {
  const grant = await lockGrant(tx, organizationId, grantId);
  assert(grant !== undefined, 'a credited purchase has its grant');
  const { credit, tax, taxBack } = grant;
  return splitPayment({ credit, tax, creditBack: givenBack(grant), taxBack }, amount);
}

export interface TakenUp {
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  /** Parts of them that were spent, or promised, or had expired: no longer there to be taken. */
  readonly spent: NanoUsd;
  readonly spentTax: NanoUsd;
  readonly beyond: NanoUsd;
}

/** The name of the ledger's entries about the part of a refund that was spent already. */
const spentReference = (refundId: string): string => `${refundId}:spent`;

/**
 * Books a refund that was made at the processor without asking us: unspent credit goes as with any
 * refund; what is not there any more is claimed as after a lost dispute, the spent part as debt.
 * The grant must not be frozen (`withoutFreeze`).
 */
export async function takeUp(
  tx: Db,
  of: {
    readonly organizationId: OrganizationId;
    readonly grantId: GrantId;
    readonly reference: string;
    readonly amount: NanoUsd;
  },
): Promise<TakenUp> {
  const { organizationId, grantId, reference, amount } = of;
  const { credit, tax, beyond } = await splitOf(tx, organizationId, grantId, amount);
  const grant = await lockGrant(tx, organizationId, grantId);
  const there = grant === undefined || grant.expired || grant.stopped ? ZERO : grant.unpromised;
  const unspent = least(credit, there);
  const spent = nanos(credit - unspent);
  const spentTax = credit === 0n ? ZERO : nanos((tax * spent) / credit);
  if (unspent > 0n) {
    const request = { organizationId, reference, grantId, amount: unspent };
    const told = await refundGrant(tx, { ...request, tax: nanos(tax - spentTax) });
    assert(told.outcome === 'refunding', `unspent credit is refunded, not ${told.outcome}`);
  }
  if (spent > 0n) {
    const claim = { organizationId, reference: spentReference(reference) };
    await freezeGrant(tx, { ...claim, grantId });
    const told = await seizeFreeze(tx, { ...claim, claimed: spent, tax: spentTax });
    assert(told.outcome === 'seized', `spent credit is claimed, not ${told.outcome}`);
  }
  return { credit, tax, spent, spentTax, beyond };
}
