import { describe, expect, it } from 'vitest';
import {
  isLate,
  nextState,
  OPEN_STATES,
  PHASE_OF,
  PURCHASE_EVENTS,
  PURCHASE_STATES,
  type PurchaseEvent,
  type PurchaseState,
  SENTENCES,
} from '#payments/purchase';

/** The whole product, written out a second time and by hand: a slip in one table shows. */
const EXPECTED: readonly (readonly [PurchaseState, PurchaseEvent, PurchaseState])[] = [
  ['draft', 'call_started', 'opening'],
  ['draft', 'given_up', 'abandoned'],
  ['draft', 'customer_canceled', 'canceled'],
  ['opening', 'session_opened', 'awaiting_customer'],
  ['opening', 'open_refused', 'failed'],
  ['opening', 'session_expired', 'expired'],
  ['opening', 'payment_processing', 'processing'],
  ['opening', 'charge_declined', 'failed'],
  ['awaiting_customer', 'payment_processing', 'processing'],
  ['awaiting_customer', 'payment_declined', 'declined'],
  ['awaiting_customer', 'payment_canceled', 'canceled'],
  ['awaiting_customer', 'customer_canceled', 'canceled'],
  ['awaiting_customer', 'session_expired', 'expired'],
  ['processing', 'customer_acting', 'awaiting_customer'],
  ['processing', 'payment_declined', 'declined'],
  ['processing', 'charge_declined', 'failed'],
  ['processing', 'payment_canceled', 'canceled'],
  ['processing', 'session_expired', 'expired'],
  ['declined', 'customer_acting', 'awaiting_customer'],
  ['declined', 'payment_processing', 'processing'],
  ['declined', 'payment_declined', 'declined'],
  ['declined', 'payment_canceled', 'canceled'],
  ['declined', 'customer_canceled', 'canceled'],
  ['declined', 'session_expired', 'expired'],
  ['quarantined', 'operator_credited', 'credited'],
];

const LISTED = new Map(EXPECTED.map(([from, event, to]) => [`${from}+${event}`, to]));
for (const from of PURCHASE_STATES) {
  if (from === 'credited' || from === 'quarantined') continue;
  LISTED.set(`${from}+payment_succeeded`, 'credited');
  LISTED.set(`${from}+mismatch_found`, 'quarantined');
}

describe('purchase states', () => {
  it('take every listed step and refuse every other pair of state and event', () => {
    let pairs = 0;
    for (const from of PURCHASE_STATES) {
      for (const event of PURCHASE_EVENTS) {
        expect(nextState(from, event), `${from} + ${event}`).toBe(LISTED.get(`${from}+${event}`));
        pairs += 1;
      }
    }
    expect(pairs).toBe(PURCHASE_STATES.length * PURCHASE_EVENTS.length);
  });

  it('never leave credited: a grant is not undone by what the processor says later', () => {
    for (const event of PURCHASE_EVENTS) expect(nextState('credited', event)).toBeUndefined();
  });

  it('call money late exactly when the purchase was already closed', () => {
    expect(PURCHASE_STATES.filter(isLate)).toEqual(['failed', 'canceled', 'expired']);
    expect(OPEN_STATES.every((state) => PHASE_OF[state] === 'open')).toBe(true);
  });

  it('say that nobody was charged in every ending without money', () => {
    for (const event of [
      'open_refused',
      'given_up',
      'payment_declined',
      'session_expired',
    ] as const) {
      expect(SENTENCES[event]).toContain('not charged');
    }
  });
});
