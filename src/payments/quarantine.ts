import type { Db } from '#db/pool';
import type { PaymentsDeps } from '#payments/deps';
import type { Payment } from '#payments/processor';
import * as sql from '#payments/quarantine-sql';
import type { Purchase } from '#payments/sql';
import { advance } from '#payments/transition';

/** Money is in that we cannot book as sold: no grant, and an operator must hear of it. */
export async function quarantine(
  deps: PaymentsDeps,
  payment: Payment,
  purchase: Purchase | undefined,
  facts: readonly string[],
): Promise<{ readonly outcome: 'quarantined' }> {
  const added = await deps.pool.transaction(async (tx) => {
    const rows = await tx.query(
      sql.insertQuarantined({
        provider: deps.processor.name,
        paymentIntentId: payment.id,
        organizationId: purchase?.organizationId ?? payment.organizationId,
        purchaseId: purchase?.id ?? payment.purchaseId,
        receivedMinorUnits: payment.receivedMinorUnits,
        currency: payment.currency,
        mismatches: facts,
        environment: deps.environment,
      }),
    );
    if (purchase !== undefined) {
      await advance(tx, purchase, 'mismatch_found', { redirectUrl: null });
    }
    return rows.length > 0;
  });
  if (added) {
    deps.log?.error(
      { purchase: purchase?.id, payment: payment.id, mismatches: facts },
      'a payment of ours does not fit its purchase and is quarantined',
    );
  }
  return { outcome: 'quarantined' };
}

/** Ids of the payments that still wait for an operator, the longest waiting first. */
export async function unresolvedPayments(db: Db): Promise<readonly string[]> {
  const rows = await db.query<{ paymentIntentId: string }>(sql.listUnresolved);
  return rows.map((row) => row.paymentIntentId);
}
