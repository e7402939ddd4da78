import { describe, expect, it } from 'vitest';
import { fromCents, ZERO } from '#kernel/money';
import { mismatches, type Sold } from '#payments/facts';
import type { Checkout, Payment } from '#payments/processor';

const here = { livemode: false, provider: 'stripe', environment: 'test' };
const sold: Sold = {
  provider: 'stripe',
  environment: 'test',
  customerId: 'cus_1',
  paymentIntentId: null,
  sessionId: 'cs_1',
  currency: 'usd',
  credit: fromCents(500n),
  trigger: 'manual',
  tax: ZERO,
};
const payment: Payment = {
  id: 'pi_1',
  status: 'succeeded',
  livemode: false,
  customerId: 'cus_1',
  currency: 'usd',
  receivedMinorUnits: 540n,
  received: fromCents(540n),
  decline: null,
  chargeId: 'ch_1',
  chargedAt: null,
  receiptUrl: null,
  purpose: 'credit_topup',
  purchaseId: 'pur_1',
  organizationId: 'org_1',
  environment: 'test',
};
const checkout: Checkout = {
  id: 'cs_1',
  url: null,
  status: 'complete',
  paid: true,
  currency: 'usd',
  subtotal: fromCents(500n),
  total: fromCents(540n),
  paymentIntentId: 'pi_1',
  payment: null,
};
const check = (part: Partial<Payment>, page: Partial<Checkout> = {}, row: Partial<Sold> = {}) =>
  mismatches(here, { ...sold, ...row }, { ...payment, ...part }, { ...checkout, ...page });

describe('the eight facts', () => {
  it('hold for a payment of credit plus tax on the page we opened (F65)', () => {
    expect(check({})).toEqual([]);
  });

  it('each stop a grant on their own', () => {
    expect(check({ livemode: true })).toEqual(['mode']);
    expect(check({ purpose: 'subscription' })).toEqual(['purpose']);
    expect(check({ environment: 'prod' })).toEqual(['purpose']);
    expect(check({}, {}, { provider: 'other' })).toEqual(['provider']);
    expect(check({ customerId: 'cus_2' })).toEqual(['customer']);
    expect(check({}, {}, { paymentIntentId: 'pi_0' })).toEqual(['payment']);
    expect(check({}, { id: 'cs_2' })).toEqual(['payment']);
    expect(check({}, { paymentIntentId: 'pi_9' })).toEqual(['payment']);
    expect(check({ status: 'processing' })).toEqual(['status']);
  });

  it('refuse a total that is not exactly what was sold (F64, S29)', () => {
    expect(check({ received: fromCents(50n) })).toEqual(['total']);
    expect(check({ received: fromCents(54000n) })).toEqual(['total']);
    expect(check({}, { subtotal: fromCents(100n) })).toEqual(['total']);
    expect(check({ received: fromCents(400n) }, { total: fromCents(400n) })).toEqual(['total']);
    expect(check({ currency: 'jpy', received: undefined })).toEqual(['currency', 'total']);
  });

  it('never fit a customer we do not know', () => {
    expect(check({ customerId: null }, {}, { customerId: null })).toEqual(['customer']);
  });
});
