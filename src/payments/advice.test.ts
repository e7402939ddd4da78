import { describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { fourThings, type PaymentFacts } from '#payments/advice';
import { type Decline, explainDecline, plainDecline } from '#payments/declines';

const usd = (text: string) => parseUsd(text) ?? ZERO;
const VISA = { fingerprint: 'f', brand: 'visa', last4: '4242', country: 'US', funding: 'credit' };
const PREPAID = { ...VISA, last4: '5100', funding: 'prepaid' };

function facts(part: Partial<PaymentFacts>): PaymentFacts {
  return {
    credit: usd('25'),
    tax: usd('4.75'),
    addressCountry: 'DE',
    card: null,
    decline: null,
    failure: null,
    ...part,
  };
}

const refused = (part: Partial<Decline>) => {
  const decline: Decline = { ...plainDecline('card_declined'), ...part };
  return { decline, failure: explainDecline(decline, usd('29.75'), 'pur_1') };
};

const look = (part: Partial<PaymentFacts>) => {
  const [total, address, verification, card, ...more] = fourThings(facts(part));
  expect(more).toEqual([]);
  return { total, address, verification, card };
};

describe('check these four things', () => {
  it('the total names the credits, the tax and their sum', () => {
    expect(look({}).total?.text).toContain('$25.00 of credits and $4.75 of tax make $29.75');
    expect(look({ tax: ZERO }).total?.text).toContain('$25.00 must be free');
    expect(look({ tax: null }).total?.text).toContain('the tax that applies');
  });

  it('what the refusal was about comes first, and only that', () => {
    const short = look(refused({ declineCode: 'insufficient_funds' }));
    expect(short.total?.bearing).toBe('in_the_way');
    expect(short.card?.bearing).toBe('worth_a_look');
    const unverified = look(refused({ code: 'payment_intent_authentication_failure' }));
    expect(unverified.verification?.bearing).toBe('in_the_way');
    const frozen = look(refused({ declineCode: 'do_not_honor' }));
    expect(frozen.card?.bearing).toBe('in_the_way');
    const zip = look(refused({ code: 'incorrect_zip', declineCode: 'incorrect_zip' }));
    expect(zip.address).toMatchObject({ bearing: 'in_the_way' });
    expect(zip.total?.bearing).toBe('worth_a_look');
  });

  it('address and card of two countries are told by name', () => {
    expect(look({ card: VISA }).address?.text).toContain(
      'Germany and the card was issued in the United States',
    );
    expect(look({ card: { ...VISA, country: 'DE' } }).address?.bearing).toBe('fine');
  });

  it('a prepaid card is told what stops prepaid cards', () => {
    expect(look({ card: PREPAID }).card?.text).toContain('ending in 5100 is a prepaid card');
  });

  it('a card that is refused for good is not said to be worth unfreezing', () => {
    const { card } = look({ ...refused({ declineCode: 'expired_card' }), card: VISA });
    expect(card?.bearing).toBe('in_the_way');
    expect(card?.text).toContain('Use another card');
    expect(card?.text).not.toMatch(/unfr/);
  });

  it('nobody is sent to unfreeze a card that our own checks stopped', () => {
    const blocked = refused({ outcomeType: 'blocked', outcomeReason: 'highest_risk_level' });
    const { card } = look({ ...blocked, card: VISA });
    expect(card).toMatchObject({ bearing: 'fine' });
    expect(card?.text).toContain('was not refused by your bank');
  });

  it('who was verified is told that this was not the reason', () => {
    const { verification } = look(
      refused({ declineCode: 'generic_decline', threeDSecure: 'authenticated' }),
    );
    expect(verification?.bearing).toBe('fine');
  });
});
