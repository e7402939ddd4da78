import { nanos } from '#kernel/money';
import { restAfter } from '#payments/cards-resting';
import { type Decline, explainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import type { Checkout } from '#payments/processor';
import type { PurchaseEvent } from '#payments/purchase';
import type { Changes, Purchase } from '#payments/sql';
import * as sql from '#payments/sql';
import { tellDeclined } from '#payments/telling';
import { advance } from '#payments/transition';

interface News {
  readonly event: PurchaseEvent;
  readonly changes: Changes;
  /** For the timeline, where the sentence of the event says too little. */
  readonly detail?: string;
}

/** What a page that brought no money yet tells about its purchase; undefined if nothing new. */
export function newsOf(purchase: Purchase, checkout: Checkout): News | undefined {
  const { payment } = checkout;
  if (payment?.status === 'processing') {
    return purchase.state === 'processing'
      ? undefined
      : { event: 'payment_processing', changes: { failure: null } };
  }
  if (checkout.status === 'expired') {
    return { event: 'session_expired', changes: { redirectUrl: null } };
  }
  if (payment === null) return undefined;
  if (payment.status === 'canceled') {
    return { event: 'payment_canceled', changes: { redirectUrl: null } };
  }
  if (payment.decline !== null) return declined(purchase, checkout, payment.decline);
  return { event: 'customer_acting', changes: { failure: null } };
}

function declined(purchase: Purchase, checkout: Checkout, decline: Decline): News | undefined {
  // Reading the same refusal again is not news.
  const seen = purchase.state === 'declined' && sameDecline(purchase.lastDecline, decline);
  if (seen) return undefined;
  // Tax is known only once the customer has given an address, which is after the page was opened.
  const total = checkout.total ?? purchase.total;
  const failure = explainDecline(decline, total, purchase.id);
  return {
    event: 'payment_declined',
    changes: {
      failure,
      lastDecline: decline,
      ...(total > purchase.credit ? { tax: nanos(total - purchase.credit) } : {}),
    },
    detail: `${failure.title}. You were not charged.`,
  };
}

const sameDecline = (a: Decline | null, b: Decline) =>
  a !== null && a.chargeId === b.chargeId && a.code === b.code && a.declineCode === b.declineCode;

/**
 * Writes what `newsOf` finds, judged against the locked row: return page, poller and webhook see the
 * same refusal at the same moment, and it is news once.
 */
export async function observe(
  deps: PaymentsDeps,
  purchase: Purchase,
  checkout: Checkout,
): Promise<void> {
  if (newsOf(purchase, checkout) === undefined) return;
  await deps.pool.transaction(async (tx) => {
    const [current] = await tx.query<Purchase>(
      sql.lockPurchase(purchase.organizationId, purchase.id),
    );
    const news = current === undefined ? undefined : newsOf(current, checkout);
    if (news === undefined) return;
    const moved = await advance(tx, purchase, news.event, news.changes, news.detail);
    if (moved !== undefined) await tellDeclined(deps, tx, moved, news.changes.failure);
    const decline = news.changes.lastDecline;
    if (decline !== undefined) await restAfter(tx, purchase.organizationId, decline);
  });
}
