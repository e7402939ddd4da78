import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { type Entropy, newId } from '#kernel/ids';
import { NANOS_PER_CENT, type NanoUsd, nanos, ZERO } from '#kernel/money';
import { quoteRefund, refundGrant } from '#ledger/refunds';
import { lockSettings } from '#payments/auto-reload-sql';
import { type DisputeRow, listDisputesOf } from '#payments/disputes-sql';
import { REFUND_STATES, type RefundState, refundSentence } from '#payments/refund';
import * as sql from '#payments/refunds-sql';
import { switchOffForRefund } from '#payments/reload-refund';
import { findPurchase, insertTimeline, lockPurchase, type Purchase } from '#payments/sql';

/** Calls the processor; the job of every refund that was asked for. */
export const REFUND_TASK = 'payments.refund';

const CENT: NanoUsd = nanos(NANOS_PER_CENT);

export type Refund = sql.RefundRow;

export interface RefundWish {
  readonly purchaseId: string;
  /** Credit, before tax; 'all' for everything unspent, to the cent. */
  readonly amount: NanoUsd | 'all';
  /** In the words of who decided it. */
  readonly reason: string;
  readonly actor: string;
  /**
   * How many refunds of the purchase whoever asks has seen. Where there are others, nothing is
   * refunded: a button pressed twice, or by two people, is one refund.
   */
  readonly seen?: number;
}

export type RefundAsked =
  | { readonly outcome: 'requested'; readonly refund: Refund }
  | { readonly outcome: 'unknown_purchase' }
  /** Refunds were made that whoever asks has not seen. */
  | { readonly outcome: 'changed_since' }
  /** It brought no credit that could be given back. */
  | { readonly outcome: 'not_credited'; readonly state: Purchase['state'] }
  | { readonly outcome: 'nothing_unspent' }
  | { readonly outcome: 'exceeds_unspent'; readonly refundable: NanoUsd }
  /** Cards take whole cents; `nearest` can be refunded. */
  | { readonly outcome: 'not_cents'; readonly nearest: NanoUsd }
  /** A disputed payment is not given back a second way. */
  | { readonly outcome: 'disputed'; readonly dispute: string }
  | { readonly outcome: 'expired' };

/**
 * Takes unspent credit of a purchase out of reach and stores the refund, together, in the caller's
 * transaction. A job carries it to the processor once that is committed.
 */
export async function requestRefund(
  tx: Db,
  entropy: Entropy,
  wish: RefundWish,
): Promise<RefundAsked> {
  const [found] = await tx.query<Purchase>(findPurchase(wish.purchaseId, null));
  if (found === undefined) return { outcome: 'unknown_purchase' };
  // In the order in which a reload locks them.
  await tx.query(lockSettings(found.organizationId));
  const [purchase] = await tx.query<Purchase>(lockPurchase(found.organizationId, found.id));
  const { organizationId, grantId = null, paymentIntentId = null } = purchase ?? found;
  if (purchase?.state !== 'credited' || grantId === null || paymentIntentId === null) {
    return { outcome: 'not_credited', state: found.state };
  }
  if (wish.seen !== undefined && (await refundsOf(tx, purchase)).length !== wish.seen) {
    return { outcome: 'changed_since' };
  }
  const dispute = await openDisputeOf(tx, purchase);
  if (dispute !== undefined) return { outcome: 'disputed', dispute };
  const id = newId('refund', entropy);
  const { amount, reason, actor } = wish;
  const request = { organizationId, reference: id, grantId, amount, unit: CENT };
  const told = await refundGrant(tx, request);
  if (told.outcome !== 'refunding') return refusalOf(told, amount);
  const [refund] = await tx.query<Refund>(
    sql.insertRefund({
      ...{ organizationId, id, purchaseId: purchase.id, grantId, origin: 'operator' },
      ...{ credit: told.amount, tax: told.tax, spent: ZERO, spentTax: ZERO },
      ...{ beyond: ZERO, reason, actor, provider: purchase.provider },
      ...{ environment: purchase.environment, paymentIntentId, processorRefundId: null },
    }),
  );
  if (refund === undefined) throw new Error('a refund was not stored');
  await tellRefund(tx, purchase, refund, refundSentence('requested', refund.total));
  await switchOffForRefund(tx, { organizationId, purchaseId: purchase.id, actor });
  await enqueue(
    tx,
    REFUND_TASK,
    { organization_id: organizationId, refund_id: id },
    { jobKey: `${REFUND_TASK}:${id}` },
  );
  return { outcome: 'requested', refund };
}

async function openDisputeOf(
  tx: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
): Promise<string | undefined> {
  const disputes = await tx.query<DisputeRow>(listDisputesOf(purchase.organizationId, purchase.id));
  return disputes.find(({ state }) => state === 'open')?.id;
}

export type RefundQuoted =
  | {
      readonly outcome: 'refundable';
      readonly credit: NanoUsd;
      readonly tax: NanoUsd;
      /** For `RefundWish.seen`. */
      readonly refunds: number;
    }
  | Exclude<RefundAsked, { outcome: 'requested' | 'changed_since' }>;

/** What `requestRefund` of everything unspent would give back now, or why nothing. Moves nothing. */
export async function quoteUnspent(
  tx: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'state' | 'grantId' | 'paymentIntentId'>,
): Promise<RefundQuoted> {
  const { organizationId, state, grantId, paymentIntentId } = purchase;
  if (state !== 'credited' || grantId === null || paymentIntentId === null) {
    return { outcome: 'not_credited', state };
  }
  const dispute = await openDisputeOf(tx, purchase);
  if (dispute !== undefined) return { outcome: 'disputed', dispute };
  const told = await quoteRefund(tx, { organizationId, grantId, unit: CENT });
  if (told.outcome !== 'refundable') return refusalOf(told, 'all');
  const refunds = (await refundsOf(tx, purchase)).length;
  return { outcome: 'refundable', credit: told.amount, tax: told.tax, refunds };
}

type Untouched = Exclude<Awaited<ReturnType<typeof refundGrant>>, { outcome: 'refunding' }>;

function refusalOf(
  told: Untouched,
  asked: NanoUsd | 'all',
): Exclude<RefundAsked, { outcome: 'requested' | 'changed_since' }> {
  if (told.outcome === 'exceeds_unspent') {
    return told.refundable === 0n ? { outcome: 'nothing_unspent' } : told;
  }
  if (told.outcome === 'not_payable') {
    const cents = asked === 'all' ? CENT : nanos(asked - (asked % CENT));
    return { outcome: 'not_cents', nearest: cents > 0n ? cents : CENT };
  }
  if (told.outcome === 'expired') return { outcome: 'expired' };
  // Frozen, yet no dispute of ours is open: an operator's hand in the ledger, or a loss that is
  // still paid off by running requests. Either way nothing of it may go.
  return { outcome: 'nothing_unspent' };
}

/** On the refund's own timeline and on its purchase's, with both rows locked. */
export async function tellRefund(
  tx: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'state'>,
  refund: Refund,
  sentence: string,
): Promise<void> {
  await tx.query(sql.insertRefundTimeline(refund, refund.state, sentence));
  await tx.query(insertTimeline(purchase, purchase.state, sentence));
}

export async function readRefund(
  db: Db,
  id: string,
  organizationId?: string,
): Promise<Refund | undefined> {
  const [row] = await db.query<Refund>(sql.findRefund(id, organizationId ?? null));
  return row;
}

/** Oldest first. */
export const refundsOf = (db: Db, purchase: Pick<Purchase, 'organizationId' | 'id'>) =>
  db.query<Refund>(sql.listRefundsOf(purchase.organizationId, purchase.id));

/** What an operator must make good: the money did not arrive, and the credit is back. */
export const unansweredRefunds = (db: Db): Promise<Refund[]> =>
  db.query<Refund>(sql.listUnanswered);

/** Newest first; of every organization unless one is named, in every state unless some are. */
export const listRefunds = (
  db: Db,
  of: { organizationId?: string; states?: readonly RefundState[]; limit: number },
): Promise<Refund[]> =>
  db.query<Refund>(
    sql.listRefunds(of.organizationId ?? null, of.states ?? REFUND_STATES, of.limit),
  );
