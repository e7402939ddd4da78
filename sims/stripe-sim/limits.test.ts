import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inOrder } from './event-order.ts';
import { type SimForTests, simForTests } from './sim-for-tests.ts';

const deliveries = z.object({ data: z.array(z.object({ event: z.string() })) });

let on: SimForTests;
beforeEach(async () => {
  on = await simForTests();
});
afterEach(() => on.sim.close());

describe('too many tries on one payment', () => {
  it('cancel it, and not the next one', async () => {
    const { stripe, control } = on;
    await control('PUT', 'settings', { attempts_most: 3 });
    const intent = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
    const bad = { payment_method: 'pm_card_visa_chargeDeclined' };
    for (const status of ['requires_payment_method', 'requires_payment_method', 'canceled']) {
      await expect(stripe.paymentIntents.confirm(intent.id, bad)).rejects.toMatchObject({
        code: 'card_declined',
        payment_intent: { status },
      });
    }
    const good = { payment_method: 'pm_card_visa' };
    await expect(stripe.paymentIntents.confirm(intent.id, good)).rejects.toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    const { cancellation_reason: reason } = await stripe.paymentIntents.retrieve(intent.id);
    expect(reason).toBe('automatic');
    const next = await stripe.paymentIntents.create({
      ...{ amount: 500, currency: 'usd', confirm: true },
      ...good,
    });
    expect(next.status).toBe('succeeded');
  });
});

describe('a card whose bank cannot be reached to ask', () => {
  const asked = { amount: 500, currency: 'usd', confirm: true } as const;
  const card = { payment_method: 'pm_card_threeDSecureOptionalProcessingError' };

  it('pays where nobody has to ask, and fails where the merchant wants it', async () => {
    const { stripe } = on;
    expect((await stripe.paymentIntents.create({ ...asked, ...card })).status).toBe('succeeded');
    const wanted = { card: { request_three_d_secure: 'any' } } as const;
    await expect(
      stripe.paymentIntents.create({ ...asked, ...card, payment_method_options: wanted }),
    ).rejects.toMatchObject({ code: 'three_d_secure_authentication_upstream_error' });
  });
});

describe('the order of events', () => {
  it('is another for another seed, the same for the same, and loses none', () => {
    const events = Array.from({ length: 9 }, (_, at) => at);
    expect(inOrder(events, 0)).toEqual(events);
    expect(inOrder(events, 7)).toEqual(inOrder(events, 7));
    expect(inOrder(events, 7)).not.toEqual(inOrder(events, 8));
    expect(inOrder(events, 7).sort()).toEqual(events);
  });

  it('of a payment is not that in which it happened, where asked for', async () => {
    const { stripe, control } = on;
    await stripe.webhookEndpoints.create({ url: 'http://127.0.0.1:9/x', enabled_events: ['*'] });
    const sent = async (event_seed: number) => {
      await control('PUT', 'settings', { event_seed });
      const { id } = await stripe.paymentIntents.create({
        ...{ amount: 500, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' },
      });
      const told = deliveries.parse(await control('GET', 'deliveries')).data;
      const events = (await stripe.events.list({ limit: 100 })).data;
      const about = events.filter(({ data }) => JSON.stringify(data.object).includes(id));
      const typeOf = new Map<string, string>(about.map((each) => [each.id, each.type]));
      return told.flatMap(({ event }) => typeOf.get(event) ?? []);
    };
    const happened = await sent(0);
    const shuffled = await sent(3);
    expect(happened).toHaveLength(4);
    expect(shuffled).not.toEqual(happened);
    expect(shuffled.sort()).toEqual(happened.sort());
  });
});
