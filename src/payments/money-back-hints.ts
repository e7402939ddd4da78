import type { PaymentsDeps } from '#payments/deps';
import { syncDispute } from '#payments/disputes';
import { type MoneyBackTopic, moneyBackTopic } from '#payments/money-back-events';
import type { ProcessorEvent } from '#payments/processor';
import { syncRefunds } from '#payments/refund-course';
import { syncRemedyRefund } from '#payments/remedy-course';
import { type SettledVia, settlePayment } from '#payments/settle';
import { findByProcessorIds, type Purchase } from '#payments/sql';
import { syncWarning } from '#payments/warnings';

export type MoneyBackOutcome = 'money_back_read' | 'ignored' | 'processor_unavailable';

type Hint = Pick<ProcessorEvent, 'type' | 'objectId' | 'paymentIntentId'>;

type Sync = (deps: PaymentsDeps, hint: Hint, payment: string) => ReturnType<typeof syncDispute>;

const SYNCS: Readonly<Record<MoneyBackTopic, Sync>> = {
  refund: (deps, _hint, payment) => syncRefunds(deps, payment),
  dispute: (deps, hint) => syncDispute(deps, hint.objectId),
  warning: (deps, hint) => syncWarning(deps, hint.objectId),
};

/**
 * Reads what an event about money that goes back is about. Undefined for other events. The money
 * must be in before it can go back, so a payment we do not know as credited is settled first (F54);
 * one of another product ends there, unread beyond its purpose (S38).
 */
export async function followMoneyBack(
  deps: PaymentsDeps,
  hint: Hint,
  via: SettledVia,
): Promise<MoneyBackOutcome | undefined> {
  const topic = moneyBackTopic(hint.type);
  if (topic === undefined) return undefined;
  const payment = hint.paymentIntentId ?? (await paymentOf(deps, topic, hint.objectId));
  if (payment === 'processor_unavailable') return payment;
  if (payment === null) return 'ignored';
  // Before its purpose is looked at: an operator may have brought one of another product here.
  if (topic === 'refund' && (await syncRemedyRefund(deps, payment)) !== 'done') {
    return 'processor_unavailable';
  }
  const [known] = await deps.pool.query<Purchase>(findByProcessorIds(null, payment));
  if (known?.state !== 'credited') {
    const settled = await settlePayment(deps, payment, via);
    if (settled.outcome === 'processor_unavailable') return 'processor_unavailable';
    if (settled.outcome === 'ignored') return 'ignored';
  }
  const read = await SYNCS[topic](deps, hint, payment);
  return read === 'done' ? 'money_back_read' : read;
}

/** Some events name only a charge; the object they are about knows its payment. */
async function paymentOf(
  deps: PaymentsDeps,
  topic: MoneyBackTopic,
  objectId: string,
): Promise<string | null> {
  if (topic === 'dispute') {
    const answer = await deps.moneyBack.retrieveDispute(objectId);
    if (answer.outcome === 'unavailable') return 'processor_unavailable';
    return answer.outcome === 'found' ? answer.dispute.paymentIntentId : null;
  }
  if (topic === 'warning') {
    const answer = await deps.moneyBack.retrieveWarning(objectId);
    if (answer.outcome === 'unavailable') return 'processor_unavailable';
    return answer.outcome === 'found' ? answer.warning.paymentIntentId : null;
  }
  return null;
}
