import { formatUsd, type NanoUsd } from '#kernel/money';

/** The states of a refund. Persisted and on the wire: never renamed. */
export const REFUND_STATES = [
  /** The credit is out of reach; whether the processor has heard of it is not known yet. */
  'requested',
  /** The processor has it, the bank not yet. */
  'pending',
  'paid',
  /** It did not reach the customer: the credit is theirs again. */
  'failed',
  /** The processor would not do it: the credit is theirs again. */
  'refused',
  /** As refused: everything had been given back there before. */
  'already_refunded',
  /** As refused: the bank has the payment in dispute. */
  'disputed',
] as const;
export type RefundState = (typeof REFUND_STATES)[number];

export const REFUND_EVENTS = [
  'accepted',
  'succeeded',
  'failed',
  'refused',
  'found_refunded',
  'found_disputed',
] as const;
export type RefundEvent = (typeof REFUND_EVENTS)[number];

const ANSWERS = { accepted: 'pending', succeeded: 'paid', failed: 'failed' } as const;

/**
 * state × event → state. What is absent is refused, so that an older answer never undoes a newer
 * one. A bank may send back what was paid; what came back stays back.
 */
export const REFUND_TRANSITIONS: Readonly<
  Record<RefundState, Partial<Record<RefundEvent, RefundState>>>
> = {
  requested: {
    ...ANSWERS,
    refused: 'refused',
    found_refunded: 'already_refunded',
    found_disputed: 'disputed',
  },
  pending: { succeeded: 'paid', failed: 'failed' },
  paid: { failed: 'failed' },
  failed: {},
  refused: {},
  already_refunded: {},
  disputed: {},
};

export const nextRefundState = (from: RefundState, event: RefundEvent): RefundState | undefined =>
  REFUND_TRANSITIONS[from][event];

/** Where the money is on its way or with the customer; in the others the credit is back. */
export const GIVEN_BACK_STATES: readonly RefundState[] = ['requested', 'pending', 'paid'];

/** What a refusal of the processor means, by its code. Any other is `refused`. */
export const REFUSALS: Readonly<Record<string, RefundEvent>> = {
  charge_already_refunded: 'found_refunded',
  charge_disputed: 'found_disputed',
  refund_disputed_payment: 'found_disputed',
};

type Sentence = (total: string) => string;

/** What the customer and the operator read on the timelines. */
const SENTENCES: Readonly<Record<RefundState, Sentence>> = {
  requested: (total) => `A refund of ${total} was started. Its credits cannot be used any more.`,
  pending: (total) => `The refund of ${total} is on its way; the card's bank still has to take it.`,
  paid: (total) => `${total} was refunded to the card. Banks show it within 5 to 10 days.`,
  failed: (total) => `The refund of ${total} did not reach the card. Its credits are back.`,
  refused: (total) => `The refund of ${total} was not possible. Its credits are back.`,
  already_refunded: (total) =>
    `The refund of ${total} was not needed: the payment had been refunded before.`,
  disputed: (total) =>
    `The refund of ${total} was not possible while the bank disputes the payment. ` +
    'Its credits are back.',
};

export const refundSentence = (state: RefundState, total: NanoUsd): string =>
  SENTENCES[state](`$${formatUsd(total)}`);

export const TAKEN_UP_SENTENCE = 'A refund that was made at the payment processor was booked.';
