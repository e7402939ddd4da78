import type { ProcessorEvent } from '#payments/processor';

/** What an event about money that goes back is about. */
export type MoneyBackTopic = 'refund' | 'dispute' | 'warning';

/**
 * Which events tell that money goes back, or may. A card's refund is told by the charge alone at
 * times and by the refund alone at others (S27). Disputes and warnings carry no tags of ours: whose
 * they are is decided by their payment.
 */
const TOPICS: Readonly<Record<string, MoneyBackTopic>> = {
  'charge.refunded': 'refund',
  'refund.created': 'refund',
  'refund.updated': 'refund',
  'refund.failed': 'refund',
  'charge.dispute.created': 'dispute',
  'charge.dispute.updated': 'dispute',
  'charge.dispute.funds_reinstated': 'dispute',
  'charge.dispute.closed': 'dispute',
  'radar.early_fraud_warning.created': 'warning',
  'radar.early_fraud_warning.updated': 'warning',
};

export const MONEY_BACK_EVENTS: readonly string[] = Object.keys(TOPICS);

/** Undefined for events about anything else. */
export const moneyBackTopic = (type: string): MoneyBackTopic | undefined =>
  Object.hasOwn(TOPICS, type) ? TOPICS[type] : undefined;

/** Events of one subject need one look; those about money back are not about its purchase. */
export const hintKey = (event: ProcessorEvent): string =>
  moneyBackTopic(event.type) === undefined
    ? (event.paymentIntentId ?? event.objectId)
    : `${moneyBackTopic(event.type)} ${event.objectId}`;
