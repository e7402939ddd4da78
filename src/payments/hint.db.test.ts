import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import type { PaymentsDeps } from '#payments/deps';
import { followHint } from '#payments/hint';
import { type Purchase, readPurchase, refreshPurchase } from '#payments/purchases';
import { settlePage } from '#payments/settle';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

async function paid(): Promise<{ purchase: Purchase; payment: string }> {
  const purchase = await world.begin(await world.organization(), '5');
  const told = await world.pay(purchase);
  return { purchase, payment: String(Reflect.get(Object(told), 'payment_intent')) };
}

const available = (purchase: Purchase) => world.available(purchase.organizationId);

/** Counts what the processor is asked. */
function counting(): { deps: PaymentsDeps; asked: string[] } {
  const asked: string[] = [];
  const { processor } = world.deps;
  const deps = {
    ...world.deps,
    processor: {
      ...processor,
      retrieveCheckout: (id: string) => {
        asked.push('page');
        return processor.retrieveCheckout(id);
      },
      retrievePayment: (id: string) => {
        asked.push('payment');
        return processor.retrievePayment(id);
      },
    },
  };
  return { deps, asked };
}

const pageOf = async (purchase: Purchase) => {
  const page = await world.deps.processor.retrieveCheckout(purchase.sessionId ?? '');
  if (page.outcome !== 'found') throw new Error(page.outcome);
  return page.checkout;
};

it('asks the processor once, whether it comes by hint or by the return page', async () => {
  for (const way of ['hint', 'return page']) {
    const { purchase, payment } = await paid();
    const { deps, asked } = counting();
    const { id: purchaseId } = purchase;
    const hint = { type: 'payment_intent.succeeded', objectId: payment, purchaseId };
    if (way === 'hint') await followHint(deps, { ...hint, paymentIntentId: payment }, 'webhook');
    else await refreshPurchase(deps, purchase.id);
    expect(await available(purchase)).toBe(parseUsd('5'));
    expect(asked, way).toEqual(['page']);
  }
});

it("that claims another purchase's payment credits whose payment it is", async () => {
  const mine = await paid();
  const other = await world.begin(await world.organization(), '5');
  const lie = {
    type: 'payment_intent.succeeded',
    objectId: mine.payment,
    paymentIntentId: mine.payment,
    purchaseId: other.id,
  };
  expect(await followHint(world.deps, lie, 'webhook')).toBe('credited');
  expect(await available(mine.purchase)).toBe(parseUsd('5'));
  expect(await available(other)).toBe(ZERO);
});

it('of a page whose payment is tagged otherwise is judged by the tags', async () => {
  const mine = await paid();
  const theirs = await paid();
  const page = await pageOf(mine.purchase);
  const foreign = (await pageOf(theirs.purchase)).payment;
  await settlePage(world.deps, mine.purchase, { ...page, payment: foreign }, 'webhook');
  expect(await available(mine.purchase)).toBe(ZERO);
  expect(await available(theirs.purchase)).toBe(parseUsd('5'));
  // Of the same organization, too: then the payment itself is asked.
  const { deps, asked } = counting();
  const own = page.payment === null ? null : { ...page.payment, purchaseId: theirs.purchase.id };
  await settlePage(deps, mine.purchase, { ...page, payment: own }, 'webhook');
  expect(asked[0]).toBe('payment');
});

it('of a payment that its page never learns of is set aside after a minute, not before', async () => {
  const { purchase } = await paid();
  const page = await pageOf(purchase);
  const unaware = { ...page, paymentIntentId: null };
  const settle = () => settlePage(world.deps, purchase, unaware, 'webhook');
  expect(await settle()).toEqual({ outcome: 'not_succeeded' });
  await world.db.ownerPool.query({
    text: `UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '2 minutes'`,
  });
  expect(await settle()).toEqual({ outcome: 'quarantined' });
  expect((await readPurchase(world.deps.pool, purchase.id))?.state).toBe('quarantined');
});
