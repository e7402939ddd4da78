import { describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { DECLINES, LISTED_CODES } from '#payments/decline-table';
import { type Decline, explainDecline, plainDecline } from '#payments/declines';

const total = parseUsd('5.4') ?? ZERO;
const explain = (part: Partial<Decline>) =>
  explainDecline({ ...plainDecline('card_declined'), ...part }, total, 'pur_1');

describe('a declined payment', () => {
  it('names the total the card must cover when funds are short', () => {
    const failure = explain({ declineCode: 'insufficient_funds' });
    expect(failure.class).toBe('FUND');
    expect(failure.message).toContain('$5.40');
    expect(failure.next_step).toContain('$5.40');
    expect(failure).toMatchObject({ charged: false, reference: 'pur_1' });
  });

  it('always says that nothing was charged, and one next step', () => {
    for (const code of DECLINES.keys()) {
      const failure = explain({ declineCode: code });
      expect(failure.message, code).toMatch(/not charged\.$/);
      expect(failure.next_step.length, code).toBeGreaterThan(10);
      expect(`${failure.message}${failure.next_step}`, code).not.toContain('{total}');
    }
  });

  it('gives every code one meaning only', () => {
    expect(new Set(LISTED_CODES).size).toBe(LISTED_CODES.length);
    expect(LISTED_CODES.length).toBeGreaterThan(85);
  });

  it('never accuses: lost, stolen and fraud are neither words nor codes', () => {
    for (const code of ['lost_card', 'stolen_card', 'pickup_card', 'fraudulent']) {
      const failure = explain({ declineCode: code });
      expect(JSON.stringify(failure)).not.toMatch(/lost|stolen|fraud|pick ?up/i);
      expect(failure.code).toBe('card_declined');
    }
  });

  it('never says "ask your bank" where our own checks stopped it', () => {
    const blocked = explain({
      declineCode: 'fraudulent',
      outcomeType: 'blocked',
      networkStatus: 'not_sent_to_network',
      outcomeReason: 'highest_risk_level',
    });
    expect(blocked.class).toBe('US');
    expect(blocked.next_step).not.toMatch(/bank/i);
    expect(blocked.message).toContain('did not refuse');
  });

  it('explains a hold that the bank shows and that goes away', () => {
    const reversed = explain({ networkStatus: 'reversed_after_approval' });
    expect(reversed.message).toContain('disappears by itself');
  });

  it('asks for another card when the bank says never to try again', () => {
    const failure = explain({ declineCode: 'do_not_honor', adviceCode: 'do_not_try_again' });
    expect(failure.class).toBe('OTHER');
  });

  it('sends a code nobody knows yet to the bank', () => {
    const failure = explain({ declineCode: 'moon_phase_unfavourable' });
    expect(failure).toMatchObject({ class: 'BANK', code: 'card_declined' });
  });
});
