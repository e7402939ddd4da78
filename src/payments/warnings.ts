import type { Db } from '#db/pool';
import type { PaymentsDeps } from '#payments/deps';
import { pauseOnce } from '#payments/reload-pauses-sql';
import { findByProcessorIds, type Purchase } from '#payments/sql';
import * as sql from '#payments/warnings-sql';

export type FraudWarning = sql.WarningRow;

/**
 * The card's bank suspects fraud. No money has moved and no credit is touched; automatic purchases
 * wait and the operator is told, because most such payments are disputed if nobody refunds them.
 * That the payment was refunded does not end the pause: the card is still the one that was reported.
 * Only an operator ends it, once (`resumeAfterWarning`).
 */
export async function syncWarning(
  deps: PaymentsDeps,
  warningId: string,
): Promise<'done' | 'processor_unavailable'> {
  const answer = await deps.moneyBack.retrieveWarning(warningId);
  if (answer.outcome === 'unavailable') return 'processor_unavailable';
  if (answer.outcome === 'missing') return 'done';
  const { id, paymentIntentId, fraudType, actionable } = answer.warning;
  if (paymentIntentId === null) return 'done';
  const [purchase] = await deps.pool.query<Purchase>(findByProcessorIds(null, paymentIntentId));
  if (purchase === undefined) return 'done';
  const { organizationId, provider, environment } = purchase;
  await deps.pool.transaction(async (tx) => {
    const told = { organizationId, id, purchaseId: purchase.id, provider, environment };
    await tx.query(sql.writeWarning({ ...told, paymentIntentId, fraudType, actionable }));
    await tx.query(pauseOnce(organizationId, 'fraud_warning', id));
  });
  const fields = { warning: id, purchase: purchase.id, actionable };
  deps.log?.warn(fields, "the card's bank suspects fraud in a payment");
  return 'done';
}

export const listWarnings = (db: Db, limit: number): Promise<FraudWarning[]> =>
  db.query<FraudWarning>(sql.listWarnings(limit));

/** What an operator should do about a warning, in one sentence. */
export const warningAdvice = (
  warning: Pick<FraudWarning, 'id' | 'actionable' | 'purchaseId'>,
): string =>
  warning.actionable
    ? 'Most such payments are disputed, with a fee. Unless you know the customer, refund it: ' +
      `bursar refund --purchase ${warning.purchaseId} --reason "early fraud warning"`
    : 'It was refunded or disputed since. Auto-reload stays paused; if you know the customer: ' +
      `bursar warning resume ${warning.id} --reason "known customer"`;
