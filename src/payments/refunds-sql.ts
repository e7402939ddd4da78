import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId, PurchaseId, RefundId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { RefundState } from '#payments/refund';

export interface RefundRow {
  readonly organizationId: OrganizationId;
  readonly id: RefundId;
  readonly purchaseId: PurchaseId;
  readonly grantId: GrantId;
  readonly origin: 'operator' | 'processor';
  readonly state: RefundState;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly total: NanoUsd;
  readonly spent: NanoUsd;
  readonly spentTax: NanoUsd;
  readonly beyond: NanoUsd;
  readonly reason: string;
  readonly actor: string;
  readonly environment: string;
  readonly paymentIntentId: string;
  readonly processorRefundId: string | null;
  readonly attempt: number;
  readonly failureCode: string | null;
  readonly looks: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `
  organization_id AS "organizationId", id, purchase_id AS "purchaseId", grant_id AS "grantId",
  origin, state, credit_nanos AS credit, tax_nanos AS tax, total_nanos AS total,
  spent_nanos AS spent, spent_tax_nanos AS "spentTax", beyond_nanos AS beyond, reason, actor,
  environment, payment_intent_id AS "paymentIntentId",
  processor_refund_id AS "processorRefundId", attempt, failure_code AS "failureCode", looks,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

export interface NewRefund {
  readonly organizationId: OrganizationId;
  readonly id: RefundId;
  readonly purchaseId: PurchaseId;
  readonly grantId: GrantId;
  readonly origin: RefundRow['origin'];
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly spent: NanoUsd;
  readonly spentTax: NanoUsd;
  readonly beyond: NanoUsd;
  readonly reason: string;
  readonly actor: string;
  readonly provider: string;
  readonly environment: string;
  readonly paymentIntentId: string;
  readonly processorRefundId: string | null;
}

/** Its job calls the processor at once; a look is due should that be lost. */
export const insertRefund = (r: NewRefund): Statement => ({
  text: `INSERT INTO payments.refunds (organization_id, id, purchase_id, grant_id, origin, state,
      credit_nanos, tax_nanos, spent_nanos, spent_tax_nanos, beyond_nanos, reason, actor, provider,
      environment, payment_intent_id, processor_refund_id, next_look_at)
    VALUES ($1, $2, $3, $4, $5, 'requested', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
      bursar.real_now() + interval '5 seconds')
    RETURNING ${COLUMNS}`,
  values: [
    ...[r.organizationId, r.id, r.purchaseId, r.grantId, r.origin, r.credit, r.tax, r.spent],
    ...[r.spentTax, r.beyond, r.reason, r.actor, r.provider, r.environment, r.paymentIntentId],
    r.processorRefundId,
  ],
});

/** Without an organization only for operators and jobs. */
export const findRefund = (id: string, organizationId: string | null): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.refunds
    WHERE id = $1 AND ($2::text IS NULL OR organization_id = $2)`,
  values: [id, organizationId],
});

export const lockRefund = (refund: Pick<RefundRow, 'organizationId' | 'id'>): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.refunds
    WHERE organization_id = $1 AND id = $2 FOR UPDATE`,
  values: [refund.organizationId, refund.id],
});

/** The refund a processor's refund is: by its id, or by ours in its tags. */
export const findRefundOf = (
  organizationId: string,
  purchaseId: string,
  processorRefundId: string,
  refundId: string | null,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.refunds
    WHERE organization_id = $1 AND purchase_id = $2
      AND (processor_refund_id = $3 OR (id = $4 AND processor_refund_id IS NULL))`,
  values: [organizationId, purchaseId, processorRefundId, refundId],
});

export const listRefundsOf = (organizationId: string, purchaseId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.refunds
    WHERE organization_id = $1 AND purchase_id = $2 ORDER BY created_at, id`,
  values: [organizationId, purchaseId],
});

/** Newest first; of every organization where none is named. */
export const listRefunds = (
  organizationId: string | null,
  states: readonly RefundState[],
  limit: number,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.refunds
    WHERE ($1::text IS NULL OR organization_id = $1) AND state = ANY ($2)
    ORDER BY created_at DESC, id DESC LIMIT $3`,
  values: [organizationId, states, limit],
});

/** `looksAgainMs`: real time until the processor is asked again; null for never. */
export const updateRefund = (
  refund: Pick<RefundRow, 'organizationId' | 'id'>,
  state: RefundState,
  processorRefundId: string | null,
  failureCode: string | null,
  looksAgainMs: number | null,
): Statement => ({
  text: `UPDATE payments.refunds SET state = $3, updated_at = bursar.now(),
      processor_refund_id = coalesce(processor_refund_id, $4),
      failure_code = coalesce($5, failure_code),
      next_look_at = bursar.real_now() + $6 * interval '1 millisecond'
    WHERE organization_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
  values: [refund.organizationId, refund.id, state, processorRefundId, failureCode, looksAgainMs],
});

/** Only from the attempt that was seen to be spent: two processes raise it once. */
export const raiseRefundAttempt = (
  refund: Pick<RefundRow, 'organizationId' | 'id' | 'attempt'>,
): Statement => ({
  text: `UPDATE payments.refunds SET attempt = attempt + 1
    WHERE organization_id = $1 AND id = $2 AND attempt = $3 AND state = 'requested'`,
  values: [refund.organizationId, refund.id, refund.attempt],
});

/**
 * Takes the refunds whose turn it is and sets their next turn before they are looked at. One that
 * is not known to have arrived is asked again soon, then ever more slowly; one that is with the
 * bank every quarter of an hour.
 */
export const takeDueRefunds = (environment: string, limit: number): Statement => ({
  text: `UPDATE payments.refunds AS r SET looks = r.looks + 1, next_look_at = bursar.real_now() +
        CASE WHEN r.state = 'pending' OR r.looks >= 30 THEN interval '15 minutes'
             WHEN r.looks >= 10 THEN interval '1 minute'
             ELSE interval '5 seconds' END
      FROM (SELECT organization_id, id FROM payments.refunds
             WHERE environment = $1 AND next_look_at <= bursar.real_now()
             ORDER BY next_look_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE r.organization_id = due.organization_id AND r.id = due.id
     RETURNING r.organization_id AS "organizationId", r.id`,
  values: [environment, limit],
});

export interface RefundTimelineRow {
  readonly state: RefundState;
  readonly at: Date;
  readonly detail: string;
}

/** Called with the refund locked, so the numbers have no gap and no twin. */
export const insertRefundTimeline = (
  refund: Pick<RefundRow, 'organizationId' | 'id'>,
  state: RefundState,
  detail: string,
): Statement => ({
  text: `INSERT INTO payments.refund_timeline (organization_id, refund_id, seq, state, detail)
    SELECT $1, $2, coalesce(max(seq), 0) + 1, $3, $4 FROM payments.refund_timeline
     WHERE organization_id = $1 AND refund_id = $2`,
  values: [refund.organizationId, refund.id, state, detail],
});

export const readRefundTimeline = (
  refund: Pick<RefundRow, 'organizationId' | 'id'>,
): Statement => ({
  text: `SELECT state, at, detail FROM payments.refund_timeline
    WHERE organization_id = $1 AND refund_id = $2 ORDER BY seq`,
  values: [refund.organizationId, refund.id],
});

/**
 * Refunds that did not reach the customer and that nobody has made anew: the longest waiting first.
 * After a month whoever asked for one has been answered in some other way.
 */
export const listUnanswered: Statement = {
  text: `SELECT ${COLUMNS} FROM payments.refunds AS r
    WHERE state IN ('failed', 'refused') AND updated_at > bursar.now() - interval '30 days'
      AND NOT EXISTS (SELECT FROM payments.refunds AS later
        WHERE later.organization_id = r.organization_id AND later.purchase_id = r.purchase_id
          AND later.created_at > r.created_at AND later.state IN ('requested', 'pending', 'paid'))
    ORDER BY updated_at, id`,
};
