import type { Db } from '#db/pool';
import { formatUsd, type NanoUsd, sum } from '#kernel/money';
import { type Dispute, disputesOf } from '#payments/disputes';
import type { RefundState } from '#payments/refund';
import { type Refund, refundsOf } from '#payments/refunds';
import { type RefundTimelineRow, readRefundTimeline } from '#payments/refunds-sql';
import type { Purchase } from '#payments/sql';

/** What has become of a credited purchase since, the most pressing first. On the wire. */
export const OVERLAYS = [
  'disputed',
  'dispute_lost',
  'refunded',
  'part_refunded',
  'dispute_won',
] as const;
export type Overlay = (typeof OVERLAYS)[number];

export interface PurchaseOverlay {
  readonly overlay: Overlay | null;
  /** What went back to the card, tax included, or is on its way there. */
  readonly refunded: NanoUsd;
}

/** In these the money has left, or nothing keeps it from leaving. */
const COUNTED: readonly RefundState[] = ['pending', 'paid'];

export async function readOverlay(
  db: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'total'>,
): Promise<PurchaseOverlay> {
  const [refunds, disputes] = await Promise.all([
    refundsOf(db, purchase),
    disputesOf(db, purchase),
  ]);
  return overlayOf(purchase, refunds, disputes);
}

export function overlayOf(
  purchase: Pick<Purchase, 'total'>,
  refunds: readonly Pick<Refund, 'state' | 'total'>[],
  disputes: readonly Pick<Dispute, 'state'>[],
): PurchaseOverlay {
  const back = refunds.filter(({ state }) => COUNTED.includes(state));
  const refunded = sum(back.map(({ total }) => total));
  const disputed = (state: Dispute['state']) => disputes.some((each) => each.state === state);
  const holds: Record<Overlay, boolean> = {
    disputed: disputed('open'),
    dispute_lost: disputed('lost'),
    refunded: refunded >= purchase.total,
    part_refunded: refunded > 0n,
    dispute_won: disputed('won'),
  };
  return { overlay: OVERLAYS.find((each) => holds[each]) ?? null, refunded };
}

/** A refund as operators see it. */
export async function viewRefund(db: Db, refund: Refund) {
  const rows = await db.query<RefundTimelineRow>(readRefundTimeline(refund));
  const timeline = rows.map(({ state, at, detail }) => ({ state, at: at.toISOString(), detail }));
  return { ...refundLine(refund), timeline };
}

export const refundLine = (refund: Refund) => ({
  id: refund.id,
  type: 'refund' as const,
  organization_id: refund.organizationId,
  purchase_id: refund.purchaseId,
  state: refund.state,
  /** Who made it: an operator here, or somebody at the processor. */
  origin: refund.origin,
  amount_usd: formatUsd(refund.credit),
  tax_usd: formatUsd(refund.tax),
  total_usd: formatUsd(refund.total),
  /** Part of the amount that was spent before, and so is owed. */
  spent_usd: formatUsd(refund.spent),
  reason: refund.reason,
  failure_code: refund.failureCode,
  processor_refund_id: refund.processorRefundId,
  created_at: refund.createdAt.toISOString(),
});

/** A dispute as operators see it. */
export const disputeLine = (dispute: Dispute) => ({
  id: dispute.id,
  type: 'dispute' as const,
  organization_id: dispute.organizationId,
  purchase_id: dispute.purchaseId,
  state: dispute.state,
  processor_status: dispute.processorStatus,
  reason: dispute.reason,
  amount_usd: formatUsd(dispute.amount),
  frozen_usd: formatUsd(dispute.frozen),
  owed_usd: formatUsd(dispute.owed),
  /** What it cost the operator: the processor's fee, and what no credit was left for. */
  fee_usd: formatUsd(dispute.fee),
  operator_loss_usd: formatUsd(dispute.beyond),
  respond_by: dispute.respondBy?.toISOString() ?? null,
  opened_at: dispute.openedAt.toISOString(),
});
