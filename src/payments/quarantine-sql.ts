import type { Statement } from '#db/pool';

export interface Quarantined {
  readonly provider: string;
  readonly paymentIntentId: string;
  readonly organizationId: string | null;
  readonly purchaseId: string | null;
  readonly receivedMinorUnits: bigint;
  readonly currency: string;
  readonly mismatches: readonly string[];
  /** Of the deployment whose processor took the money. */
  readonly environment: string;
}

/** A row comes back only the first time, so the alarm rings once. */
export const insertQuarantined = (row: Quarantined): Statement => ({
  text: `INSERT INTO payments.quarantined_payments (provider, payment_intent_id, organization_id,
      purchase_id, received_minor_units, currency, mismatches, environment)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true AS added`,
  values: [
    row.provider,
    row.paymentIntentId,
    row.organizationId,
    row.purchaseId,
    row.receivedMinorUnits,
    row.currency,
    JSON.stringify(row.mismatches),
    row.environment,
  ],
});

/** Oldest first. */
export const listUnresolved: Statement = {
  text: `SELECT payment_intent_id AS "paymentIntentId" FROM payments.quarantined_payments AS q
    WHERE resolved_at IS NULL AND NOT EXISTS (SELECT FROM payments.remedies AS r
        WHERE r.provider = q.provider AND r.payment_intent_id = q.payment_intent_id
          AND r.state = 'done')
    ORDER BY found_at, payment_intent_id`,
  values: [],
};
