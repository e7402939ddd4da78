/** The states of a purchase. Persisted and on the wire: never renamed. */
export const PURCHASE_STATES = [
  'draft',
  'opening',
  'awaiting_customer',
  'processing',
  'declined',
  'credited',
  'failed',
  'canceled',
  'expired',
  'abandoned',
  'quarantined',
] as const;
export type PurchaseState = (typeof PURCHASE_STATES)[number];

export const PURCHASE_EVENTS = [
  /** The row is about to be taken to the processor. */
  'call_started',
  /** The hosted page exists. */
  'session_opened',
  /** The processor refused to open a page, definitively. */
  'open_refused',
  /** Nothing was ever asked of the processor, and nobody came back for it. */
  'given_up',
  /** The customer is asked to do something: verify, or try again. */
  'customer_acting',
  'payment_processing',
  'payment_declined',
  /** The saved card was refused, and nobody is there to offer another. */
  'charge_declined',
  'payment_canceled',
  'customer_canceled',
  'session_expired',
  /** All eight facts hold. */
  'payment_succeeded',
  /** Money of ours arrived that does not fit. */
  'mismatch_found',
  /** An operator answers for a payment that did not fit. */
  'operator_credited',
] as const;
export type PurchaseEvent = (typeof PURCHASE_EVENTS)[number];

type Row = Partial<Record<PurchaseEvent, PurchaseState>>;

const ARRIVED: Row = { payment_succeeded: 'credited', mismatch_found: 'quarantined' };

/**
 * state × event → state. What is absent is refused. A late success is listed from every closed
 * state: once money is in, it is honoured. `quarantined` is left only by an operator.
 */
export const TRANSITIONS: Readonly<Record<PurchaseState, Row>> = {
  draft: {
    ...ARRIVED,
    call_started: 'opening',
    given_up: 'abandoned',
    customer_canceled: 'canceled',
  },
  opening: {
    ...ARRIVED,
    session_opened: 'awaiting_customer',
    open_refused: 'failed',
    session_expired: 'expired',
    // Without a page: a saved card.
    payment_processing: 'processing',
    charge_declined: 'failed',
  },
  awaiting_customer: {
    ...ARRIVED,
    payment_processing: 'processing',
    payment_declined: 'declined',
    payment_canceled: 'canceled',
    customer_canceled: 'canceled',
    session_expired: 'expired',
  },
  processing: {
    ...ARRIVED,
    customer_acting: 'awaiting_customer',
    payment_declined: 'declined',
    charge_declined: 'failed',
    payment_canceled: 'canceled',
    session_expired: 'expired',
  },
  declined: {
    ...ARRIVED,
    customer_acting: 'awaiting_customer',
    payment_processing: 'processing',
    // Another card, another refusal: the newer words replace the older.
    payment_declined: 'declined',
    payment_canceled: 'canceled',
    customer_canceled: 'canceled',
    session_expired: 'expired',
  },
  credited: {},
  failed: ARRIVED,
  canceled: ARRIVED,
  expired: ARRIVED,
  abandoned: ARRIVED,
  quarantined: { operator_credited: 'credited' },
};

export const nextState = (from: PurchaseState, event: PurchaseEvent): PurchaseState | undefined =>
  TRANSITIONS[from][event];

export type Phase = 'open' | 'watched' | 'settled';

/** `open` is polled closely, `watched` for a day in case money still arrives, `settled` never. */
export const PHASE_OF: Readonly<Record<PurchaseState, Phase>> = {
  draft: 'open',
  opening: 'open',
  awaiting_customer: 'open',
  processing: 'open',
  declined: 'open',
  failed: 'watched',
  canceled: 'watched',
  expired: 'watched',
  abandoned: 'settled',
  credited: 'settled',
  quarantined: 'settled',
};

export const OPEN_STATES: readonly PurchaseState[] = PURCHASE_STATES.filter(
  (state) => PHASE_OF[state] === 'open',
);

/** Money that arrives after a purchase was closed is credited and said to be late. */
export const isLate = (from: PurchaseState): boolean => PHASE_OF[from] === 'watched';

/** What the customer reads on the timeline when the event happened. */
export const SENTENCES: Readonly<Record<PurchaseEvent, string>> = {
  call_started: 'Preparing the payment page.',
  session_opened: 'The payment page is ready. You have not been charged.',
  open_refused: 'The payment page could not be opened. You were not charged.',
  given_up: 'Closed before a payment page was opened. You were not charged.',
  customer_acting: 'Waiting for you to finish on the payment page.',
  payment_processing: 'Your bank is still confirming. You will not be charged twice.',
  payment_declined: 'The payment was declined. You were not charged.',
  charge_declined: 'The saved card was declined. You were not charged.',
  payment_canceled: 'The payment was canceled. You were not charged.',
  customer_canceled: 'Canceled. You were not charged.',
  session_expired: 'The payment page expired. You were not charged.',
  payment_succeeded: 'Payment received. The credits are ready to use.',
  operator_credited: 'We checked the payment. The credits are ready to use.',
  mismatch_found: 'We received a payment that does not match this purchase and are checking it.',
};

export const LATE_SENTENCE =
  'Payment received after this purchase was closed. The credits are ready to use.';
