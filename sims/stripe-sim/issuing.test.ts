import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
beforeEach(async () => {
  on = await simForTests({ now: () => Date.UTC(2026, 5, 10, 12) });
  await on.control('PUT', 'settings', { bank_delay_seconds: 0 });
});
afterEach(() => on.sim.close());

const home = { line1: '1 Main St', city: 'Berlin', postal_code: '10115', country: 'DE' };

type Changed = Partial<Stripe.Issuing.CardCreateParams>;

async function openCard(changed: Changed = {}): Promise<Stripe.Issuing.Card> {
  const { stripe } = on;
  const holder = { name: 'Ann Example', billing: { address: home } };
  const cardholder = (await stripe.issuing.cardholders.create(holder)).id;
  return stripe.issuing.cards.create({
    ...{ cardholder, currency: 'usd', type: 'virtual', status: 'active' },
    ...changed,
  });
}

async function topUp(amount: number): Promise<void> {
  await on.stripe.topups.create({ amount, currency: 'usd', source: 'btok_us_verified' });
}

async function left(): Promise<number> {
  const { issuing } = await on.stripe.balance.retrieve();
  return issuing?.available.find(({ currency }) => currency === 'usd')?.amount ?? 0;
}

type Asked = Partial<Parameters<Stripe['testHelpers']['issuing']['authorizations']['create']>[0]>;

async function ask(card: string, amount: number, more: Asked = {}) {
  return on.stripe.testHelpers.issuing.authorizations.create({ card, amount, ...more });
}

async function reasonOf(card: string, amount: number, more: Asked = {}) {
  const { approved, status, request_history: history } = await ask(card, amount, more);
  expect(status).toBe(approved ? 'pending' : 'closed');
  return history[0]?.reason;
}

async function told(...types: string[]): Promise<string[]> {
  const events = await on.stripe.events.list({ types, limit: 100 });
  return events.data.map((event) => event.type).reverse();
}

describe('the number of an issued card', () => {
  it('is told one card at a time, when asked for, and is nowhere else', async () => {
    const { id, last4 } = await openCard();
    const plain = await on.stripe.issuing.cards.retrieve(id);
    expect([plain.number, plain.cvc]).toEqual([undefined, undefined]);
    const told = await on.stripe.issuing.cards.retrieve(id, { expand: ['number', 'cvc'] });
    expect(told.number).toMatch(/^4000991\d{9}$/);
    expect(told.number?.slice(-4)).toBe(last4);
    expect(told.cvc).toMatch(/^\d{3}$/);
    const listed = on.stripe.issuing.cards.list({ expand: ['data.number'] });
    await expect(listed).rejects.toMatchObject({ statusCode: 400, param: 'expand' });
    const events = JSON.stringify((await on.stripe.events.list({ limit: 100 })).data);
    expect(events).not.toContain(told.number);
  });

  it('is another for every card', async () => {
    const numbers = new Set<string | undefined>();
    for (const _ of [1, 2, 3]) {
      const { id } = await openCard();
      numbers.add((await on.stripe.issuing.cards.retrieve(id, { expand: ['number'] })).number);
    }
    expect(numbers.size).toBe(3);
  });
});

describe('the state of a card', () => {
  it('goes back and forth until it is canceled, which is final', async () => {
    const { id } = await openCard({ status: 'inactive' });
    await on.stripe.issuing.cards.update(id, { status: 'active' });
    await on.stripe.issuing.cards.update(id, { status: 'inactive' });
    const lost = { status: 'canceled', cancellation_reason: 'lost' } as const;
    expect(await on.stripe.issuing.cards.update(id, lost)).toMatchObject(lost);
    const again = on.stripe.issuing.cards.update(id, { status: 'active' });
    await expect(again).rejects.toMatchObject({ statusCode: 400, param: 'status' });
    expect(await told('issuing_card.created', 'issuing_card.updated')).toHaveLength(4);
  });

  it('of a card for one payment is canceled by that payment', async () => {
    await topUp(10_000);
    const once = { lifecycle_controls: { cancel_after: { payment_count: 1 } } };
    const { id } = await openCard(once);
    expect(await reasonOf(id, 100)).toBe('card_active');
    expect(await reasonOf(id, 100)).toBe('card_canceled');
  });
});

describe('topups', () => {
  it('arrive later, and only then can be spent', async () => {
    await on.control('PUT', 'settings', { bank_delay_seconds: 60 });
    const { id } = await on.stripe.topups.create({ amount: 500, currency: 'usd' });
    expect(await left()).toBe(0);
    await on.control('PUT', 'settings', { clock_offset_ms: 61_000 });
    const done = await on.stripe.topups.retrieve(id, { expand: ['balance_transaction'] });
    expect(done).toMatchObject({
      status: 'succeeded',
      balance_transaction: { amount: 500, balance_type: 'issuing', type: 'topup' },
    });
    expect(await left()).toBe(500);
    expect(await told('topup.created', 'topup.succeeded')).toHaveLength(2);
  });

  it('can be canceled before, and not after, and some fail', async () => {
    await on.control('PUT', 'settings', { bank_delay_seconds: 60 });
    const first = await on.stripe.topups.create({ amount: 500, currency: 'usd' });
    expect((await on.stripe.topups.cancel(first.id)).status).toBe('canceled');
    const order = { amount: 500, currency: 'usd', source: 'btok_sim_fails' };
    const second = await on.stripe.topups.create(order);
    await on.control('PUT', 'settings', { clock_offset_ms: 61_000 });
    expect((await on.stripe.topups.retrieve(second.id)).status).toBe('failed');
    await expect(on.stripe.topups.cancel(second.id)).rejects.toMatchObject({ statusCode: 400 });
    expect(await left()).toBe(0);
    expect((await on.stripe.topups.list({ status: 'canceled' })).data).toHaveLength(1);
  });

  it('are no takings: nothing of them is paid out', async () => {
    await topUp(5000);
    expect((await on.control('POST', 'payouts')).data).toEqual([]);
    expect((await on.stripe.balance.retrieve()).available[0]?.amount).toBe(0);
  });
});

describe('an authorization', () => {
  it('holds money until it is captured, all or in part', async () => {
    await topUp(10_000);
    const { id } = await openCard();
    const held = await ask(id, 3000);
    expect([held.status, await left()]).toEqual(['pending', 7000]);
    const { authorizations } = on.stripe.testHelpers.issuing;
    const part = { capture_amount: 1000, close_authorization: false };
    expect((await authorizations.capture(held.id, part)).status).toBe('pending');
    expect(await left()).toBe(7000);
    const closed = await authorizations.capture(held.id, { capture_amount: 500 });
    expect(closed.transactions.map(({ amount }) => amount)).toEqual([-500, -1000]);
    expect(closed.balance_transactions.map(({ net }) => net)).toEqual([-3000, 1000, 2000]);
    expect([closed.status, await left()]).toEqual(['closed', 8500]);
    await expect(authorizations.capture(held.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  it('gives it back when it is reversed, and when nobody comes for it', async () => {
    await topUp(10_000);
    const { id } = await openCard();
    const { authorizations } = on.stripe.testHelpers.issuing;
    const first = await ask(id, 3000);
    const less = await authorizations.reverse(first.id, { reverse_amount: 1000 });
    expect(less).toMatchObject({ status: 'pending', amount: 2000 });
    expect((await authorizations.reverse(first.id)).status).toBe('reversed');
    const second = await ask(id, 3000);
    expect((await authorizations.expire(second.id)).status).toBe('expired');
    const third = await ask(id, 3000);
    expect(await left()).toBe(7000);
    await on.control('PUT', 'settings', { clock_offset_ms: 8 * 24 * 3600 * 1000 });
    expect((await on.stripe.issuing.authorizations.retrieve(third.id)).status).toBe('expired');
    expect(await left()).toBe(10_000);
    expect((await on.stripe.issuing.transactions.list()).data).toEqual([]);
  });

  it('can be raised, and a refused raise leaves it as it was', async () => {
    await topUp(1000);
    const { id } = await openCard();
    const { authorizations } = on.stripe.testHelpers.issuing;
    const held = await ask(id, 600);
    const more = await authorizations.increment(held.id, { increment_amount: 300 });
    expect([more.amount, await left()]).toEqual([900, 100]);
    const refused = await authorizations.increment(held.id, { increment_amount: 101 });
    expect(refused).toMatchObject({ amount: 900, approved: true, status: 'pending' });
    expect(refused.request_history.map(({ reason }) => reason)).toEqual([
      'insufficient_funds',
      'card_active',
      'card_active',
    ]);
    expect(await left()).toBe(100);
  });

  it('never takes more than there is, not even with a tip', async () => {
    await topUp(1000);
    const { id } = await openCard();
    const { authorizations } = on.stripe.testHelpers.issuing;
    const held = await ask(id, 900);
    const tooMuch = authorizations.capture(held.id, { capture_amount: 1001 });
    await expect(tooMuch).rejects.toMatchObject({ param: 'capture_amount' });
    await authorizations.capture(held.id, { capture_amount: 1000 });
    expect(await left()).toBe(0);
  });

  it('is given back by a refund of what was captured, and by no more', async () => {
    await topUp(1000);
    const { id } = await openCard();
    const held = await ask(id, 900, { merchant_data: { name: 'SHOP' } });
    await on.stripe.testHelpers.issuing.authorizations.capture(held.id);
    const [taken] = (await on.stripe.issuing.transactions.list({ type: 'capture' })).data;
    const { refund } = on.stripe.testHelpers.issuing.transactions;
    const again = (amount: number) =>
      refund.call(on.stripe.testHelpers.issuing.transactions, taken?.id ?? '', {
        refund_amount: amount,
      });
    expect(await again(400)).toMatchObject({ type: 'refund', amount: 400 });
    await expect(again(501)).rejects.toMatchObject({ param: 'refund_amount' });
    await again(500);
    expect(await left()).toBe(1000);
    const metadata = { seen: 'yes' };
    await on.stripe.issuing.transactions.update(taken?.id ?? '', { metadata });
    await on.stripe.issuing.authorizations.update(held.id, { metadata });
    const expand = ['data.authorization', 'data.card', 'data.balance_transaction'];
    const found = (await on.stripe.issuing.transactions.list({ card: id, expand })).data.at(-1);
    expect(found).toMatchObject({
      metadata,
      authorization: { status: 'closed', metadata },
      card: { id },
      balance_transaction: { net: -900 },
      merchant_data: { name: 'SHOP' },
    });
    expect(await told('issuing_transaction.created')).toHaveLength(3);
  });
});

describe('the issuer says no, and why', () => {
  beforeEach(() => topUp(100_000));

  it('to a card that is frozen, canceled or expired', async () => {
    const { id } = await openCard({ exp_month: 7, exp_year: 2026 });
    await on.stripe.issuing.cards.update(id, { status: 'inactive' });
    expect(await reasonOf(id, 100)).toBe('card_inactive');
    await on.stripe.issuing.cards.update(id, { status: 'active' });
    expect(await reasonOf(id, 100)).toBe('card_active');
    await on.control('PUT', 'settings', { clock_offset_ms: 60 * 24 * 3600 * 1000 });
    expect(await reasonOf(id, 100)).toBe('card_expired');
    await on.stripe.issuing.cards.update(id, { status: 'canceled' });
    expect(await reasonOf(id, 100)).toBe('card_canceled');
  });

  it('to a cardholder who is inactive or blocked', async () => {
    const { id, cardholder } = await openCard();
    await on.stripe.issuing.cardholders.update(cardholder.id, { status: 'inactive' });
    expect(await reasonOf(id, 100)).toBe('cardholder_inactive');
    await on.control('POST', `cardholders/${cardholder.id}`, { status: 'blocked' });
    expect(await reasonOf(id, 100)).toBe('cardholder_blocked');
    const self = on.stripe.issuing.cardholders.update(cardholder.id, { status: 'active' });
    await expect(self).rejects.toMatchObject({ statusCode: 400 });
  });

  it('to a wrong code or date, and to another currency', async () => {
    const { id } = await openCard();
    const wrong = (name: string) => ({ verification_data: { [name]: 'mismatch' } });
    expect(await reasonOf(id, 100, wrong('cvc_check'))).toBe('verification_failed');
    expect(await reasonOf(id, 100, wrong('expiry_check'))).toBe('verification_failed');
    expect(await reasonOf(id, 100, wrong('address_postal_code_check'))).toBe('card_active');
    expect(await reasonOf(id, 100, { currency: 'eur' })).toBe('not_allowed');
  });

  it('to a kind of business or a country the card is not for', async () => {
    const { id } = await openCard({
      spending_controls: { blocked_categories: ['bakeries'], allowed_merchant_countries: ['DE'] },
    });
    const at = (category: 'bakeries' | 'book_stores', country: string) =>
      reasonOf(id, 100, { merchant_data: { category, country } });
    expect(await at('bakeries', 'DE')).toBe('spending_controls');
    expect(await at('book_stores', 'FR')).toBe('spending_controls');
    expect(await at('book_stores', 'DE')).toBe('card_active');
    await on.stripe.issuing.cards.update(id, {
      spending_controls: { allowed_categories: ['book_stores'], blocked_categories: [] },
    });
    expect(await at('bakeries', 'DE')).toBe('spending_controls');
  });

  it.each([
    ['daily', 24],
    ['weekly', 7 * 24],
    ['monthly', 31 * 24],
    ['yearly', 366 * 24],
  ] as const)('to more than the %s limit, until the next begins', async (interval, hours) => {
    const { id } = await openCard({
      spending_controls: { spending_limits: [{ amount: 1000, interval }] },
    });
    const { id: first } = await ask(id, 600);
    await on.stripe.testHelpers.issuing.authorizations.capture(first);
    expect(await reasonOf(id, 401)).toBe('spending_controls');
    const { id: second } = await ask(id, 400);
    await on.stripe.testHelpers.issuing.authorizations.reverse(second, { reverse_amount: 100 });
    expect(await reasonOf(id, 101)).toBe('spending_controls');
    await on.control('PUT', 'settings', { clock_offset_ms: hours * 3600 * 1000 });
    expect(await reasonOf(id, 1000)).toBe('card_active');
  });

  it('to more than one purchase may cost, or all of them ever', async () => {
    const { id } = await openCard({
      spending_controls: {
        spending_limits: [
          { amount: 500, interval: 'per_authorization', categories: ['bakeries'] },
          { amount: 2000, interval: 'all_time' },
        ],
      },
    });
    const bakery = { merchant_data: { category: 'bakeries' } } as const;
    expect(await reasonOf(id, 501, bakery)).toBe('spending_controls');
    expect(await reasonOf(id, 500, bakery)).toBe('card_active');
    expect(await reasonOf(id, 1500)).toBe('card_active');
    expect(await reasonOf(id, 1)).toBe('spending_controls');
  });

  it('to more than all cards of a cardholder may spend together', async () => {
    const { id, cardholder } = await openCard();
    const limits = [{ amount: 1000, interval: 'daily' as const }];
    const controls = { spending_controls: { spending_limits: limits } };
    await on.stripe.issuing.cardholders.update(cardholder.id, controls);
    const order = { cardholder: cardholder.id, currency: 'usd', type: 'virtual' } as const;
    const second = await on.stripe.issuing.cards.create({ ...order, status: 'active' });
    expect(await reasonOf(id, 600)).toBe('card_active');
    expect(await reasonOf(second.id, 401)).toBe('spending_controls');
    expect(await reasonOf(second.id, 400)).toBe('card_active');
  });

  it('to more than is on the balance, and keeps nothing of it', async () => {
    const { id } = await openCard();
    expect(await reasonOf(id, 100_001)).toBe('insufficient_funds');
    expect(await left()).toBe(100_000);
    expect(await reasonOf(id, 100_000)).toBe('card_active');
    expect(await left()).toBe(0);
  });
});
