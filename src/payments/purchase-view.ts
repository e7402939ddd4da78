import type { Db } from '#db/pool';
import { formatUsd } from '#kernel/money';
import type { PurchaseFailure } from '#payments/declines';
import { type Overlay, readOverlay } from '#payments/money-back-view';
import type { PurchaseState } from '#payments/purchase';
import type { Purchase } from '#payments/purchases';
import * as sql from '#payments/sql';

/** The purchase as everyone outside sees it (interface: `purchase`). */
export interface PurchaseView {
  readonly id: string;
  readonly type: 'purchase';
  readonly state: PurchaseState;
  readonly trigger: Purchase['trigger'];
  readonly amount_usd: string;
  readonly tax_usd: string;
  readonly total_usd: string;
  readonly redirect_url: string | null;
  readonly grant_id: string | null;
  readonly failure: PurchaseFailure | null;
  readonly timeline: readonly {
    readonly state: PurchaseState;
    readonly at: string;
    readonly detail: string | null;
  }[];
  readonly receipt_url: string | null;
  /** What has become of it since it was credited. */
  readonly overlay: Overlay | null;
  /** What went back to the card, tax included, or is on its way there. */
  readonly refunded_usd: string;
}

/** Only where the page can still be paid on does a link to it help. */
const PAYABLE: ReadonlySet<PurchaseState> = new Set(['awaiting_customer', 'declined']);

/** Reads the timeline beside the purchase it is given. */
export async function viewPurchase(db: Db, purchase: Purchase): Promise<PurchaseView> {
  const timeline = await db.query<sql.TimelineRow>(sql.readTimeline(purchase));
  const { overlay, refunded } = await readOverlay(db, purchase);
  return {
    id: purchase.id,
    type: 'purchase',
    state: purchase.state,
    trigger: purchase.trigger,
    amount_usd: formatUsd(purchase.credit),
    tax_usd: formatUsd(purchase.tax),
    total_usd: formatUsd(purchase.total),
    redirect_url: PAYABLE.has(purchase.state) ? purchase.redirectUrl : null,
    grant_id: purchase.grantId,
    failure: purchase.failure,
    timeline: timeline.map((row) => ({
      state: row.state,
      at: row.at.toISOString(),
      detail: row.detail,
    })),
    receipt_url: purchase.receiptUrl,
    overlay,
    refunded_usd: formatUsd(refunded),
  };
}
