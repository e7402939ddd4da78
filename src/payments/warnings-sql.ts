import type { Statement } from '#db/pool';
import type { NanoUsd } from '#kernel/money';

export interface WarningRow {
  readonly organizationId: string;
  readonly id: string;
  readonly purchaseId: string;
  readonly fraudType: string;
  readonly actionable: boolean;
  readonly warnedAt: Date;
  /** Of the purchase: its credit, without tax. */
  readonly credit: NanoUsd;
}

export const writeWarning = (w: {
  readonly organizationId: string;
  readonly id: string;
  readonly purchaseId: string;
  readonly provider: string;
  readonly environment: string;
  readonly paymentIntentId: string;
  readonly fraudType: string;
  readonly actionable: boolean;
}): Statement => ({
  text: `INSERT INTO payments.fraud_warnings (organization_id, id, purchase_id, provider,
      environment, payment_intent_id, fraud_type, actionable)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (organization_id, id) DO UPDATE
      SET actionable = excluded.actionable, fraud_type = excluded.fraud_type`,
  values: [
    ...[w.organizationId, w.id, w.purchaseId, w.provider, w.environment, w.paymentIntentId],
    ...[w.fraudType, w.actionable],
  ],
});

/** Whose warning it is. */
export const ownerOfWarning = (id: string): Statement => ({
  text: `SELECT organization_id AS "organizationId" FROM payments.fraud_warnings WHERE id = $1`,
  values: [id],
});

/** Newest first; those nothing can be done about any more last. */
export const listWarnings = (limit: number): Statement => ({
  text: `SELECT w.organization_id AS "organizationId", w.id, w.purchase_id AS "purchaseId",
      w.fraud_type AS "fraudType", w.actionable, w.warned_at AS "warnedAt",
      p.credit_nanos AS credit
    FROM payments.fraud_warnings w
    JOIN payments.purchases p ON p.organization_id = w.organization_id AND p.id = w.purchase_id
    ORDER BY w.actionable DESC, w.warned_at DESC, w.id LIMIT $1`,
  values: [limit],
});
