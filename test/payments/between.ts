import { describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { saveDetails } from '#payments/billing-details';
import { beginPurchase, cancelPurchase } from '#payments/purchases';
import { pursueDueRefunds, pursueRefund } from '#payments/refund-course';
import { refundsOf, requestRefund } from '#payments/refunds';
import { verifyStripeWebhook } from '#payments/stripe';
import { quotePurchase } from '#payments/tax-quote';
import { usd } from '#test/ledger-world';
import { type Asked, addressOf } from './line.ts';
import { bought, keepCard, RELOAD_USD, reload } from './saved-card.ts';
import type { World } from './world.ts';

/** Answers that are lost, webhooks, tax: what stands between the shop and the processor. */
export function between(its: () => World): void {
  describe('an answer that breaks off', () => {
    it('is asked for again under its key, at every step: one of each at the processor (S15)', async () => {
      const world = its();
      const buyer = await world.payer();
      const reloader = await world.payer();
      await keepCard(world, reloader.organizationId, 'pm_card_visa', 'set_up');
      const from = world.line.asked.length;
      world.line.breakAnswers('first');
      try {
        await throughASale(world, buyer.organizationId);
        await throughAReload(world, reloader.organizationId);
      } finally {
        world.line.breakAnswers('none');
      }
      const asked = world.line.asked.slice(from).filter(({ idempotencyKey: key }) => key != null);
      const byKey = Map.groupBy(asked, ({ idempotencyKey }) => idempotencyKey ?? '');
      for (const [key, tries] of byKey) {
        expect([key, new Set(tries.map(({ objectId }) => objectId)).size]).toEqual([key, 1]);
      }
      expect(pathsOf(asked)).toEqual(EVERY_STEP);
      expect(asked.some(({ replayed }) => replayed)).toBe(true);
    });
  });

  describe('a webhook', () => {
    it('is believed as it was signed, and not with a byte or a secret changed (S01)', async () => {
      const world = its();
      const { paymentIntentId } = await bought(world, 'pm_card_visa');
      const event = await world.until('told', async () => {
        const list = await world.stripe.events.list({
          ...{ type: 'payment_intent.succeeded', limit: 100 },
        });
        return list.data.find(
          ({ data }) => Reflect.get(Object(data.object), 'id') === paymentIntentId,
        );
      });
      const { body, signature, secret } = await world.stage.webhook(event);
      const told = verifyStripeWebhook(body, signature, [secret]);
      expect(told).toMatchObject({ outcome: 'verified', event: { id: event.id, paymentIntentId } });
      const changed = Buffer.concat([body, Buffer.from(' ')]);
      for (const outcome of [
        verifyStripeWebhook(changed, signature, [secret]),
        verifyStripeWebhook(body, signature, [`${secret}x`]),
        verifyStripeWebhook(body, signature, ['', ' ']),
        verifyStripeWebhook(body, 't=1,v1=00', [secret]),
      ]) {
        expect(outcome.outcome).toBe('forged');
      }
    });
  });

  describe('a total with tax', () => {
    it('is told before anybody pays, or why it cannot be', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const deps = { ...world.deps, automaticTax: true };
      const saved = await saveDetails(deps, organizationId, 'user_test', {
        ...{ name: 'Test GmbH', line1: 'Hauptstrasse 1', line2: '', city: 'Berlin', state: '' },
        ...{ postal_code: '10115', country: 'DE', tax_id_type: '', tax_id: '' },
      });
      expect(saved).toMatchObject({ outcome: 'saved', copied: true });
      const quote = await quotePurchase(deps, organizationId, usd('25'));
      if (quote.taxNote === 'computed') {
        expect(quote.total).toBe(usd('25') + (quote.tax ?? -1n));
        expect(quote.refusal).toBeNull();
      } else {
        // An account whose tax is not set up: our side, and nobody is sent to pay.
        expect(quote).toMatchObject({ total: null, refusal: { class: 'US', charged: false } });
      }
    });
  });
}

/** What changes something at the processor in a sale, a cancellation, a reload and a refund. */
const EVERY_STEP = [
  'POST /v1/checkout/sessions',
  'POST /v1/checkout/sessions/:id/expire',
  'POST /v1/customers',
  'POST /v1/payment_intents',
  'POST /v1/refunds',
];

/** A product is made once in the life of an account. */
const pathsOf = (asked: readonly Asked[]): string[] =>
  [...new Set(asked.map(addressOf))].filter((path) => path !== 'POST /v1/products').sort();

async function throughASale(world: World, organizationId: OrganizationId): Promise<void> {
  const { deps } = world;
  const request = {
    organizationId,
    amount: usd('5'),
    trigger: 'manual',
    actor: 'user_test',
  } as const;
  const begun = await beginPurchase(deps, request);
  if (!('purchase' in begun)) throw new Error(begun.outcome);
  const { purchase } = begun;
  const opened = await world.until('the page is open', async () => {
    const row = await world.look(purchase).catch(() => undefined);
    return row?.state === 'awaiting_customer' ? row : undefined;
  });
  await world.until('canceled', async () => {
    const canceled = await cancelPurchase(deps, opened.id);
    return canceled.outcome === 'canceled' ? true : undefined;
  });
}

async function throughAReload(world: World, organizationId: OrganizationId): Promise<void> {
  const { deps, db } = world;
  const unheard = await reload(world, organizationId);
  const purchase = await world.until('credited', async () => {
    const row = await world.look(unheard);
    return row.state === 'credited' ? row : undefined;
  });
  expect(await world.available(organizationId)).toBe(usd(RELOAD_USD));
  const asked = await db.pool.transaction((tx) =>
    requestRefund(tx, deps.entropy, {
      ...{ purchaseId: purchase.id, amount: 'all', reason: 'asked for it', actor: 'operator' },
    }),
  );
  if (asked.outcome !== 'requested') throw new Error(asked.outcome);
  await pursueRefund(deps, organizationId, asked.refund.id);
  await world.until('the refund is paid', async () => {
    await pursueDueRefunds(deps);
    await pursueRefund(deps, organizationId, asked.refund.id);
    const [row] = await refundsOf(db.pool, purchase);
    return row?.state === 'paid' ? row : undefined;
  });
}
