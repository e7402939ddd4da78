import { describe, expect, it } from 'vitest';
import { newId } from '#kernel/ids';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { beginSetup, refreshSetup } from '#payments/card-setups';
import { savedCards } from '#payments/cards';
import { wordsOf } from '#payments/decline-table';
import { followHint } from '#payments/hint';
import { agreeToKeep, keepPurchaseCard } from '#payments/purchase-cards';
import { PURCHASE_CONSENT } from '#payments/purchase-consent';
import { viewPurchase } from '#payments/purchase-view';
import { beginPurchase, cancelPurchase } from '#payments/purchases';
import { systemEntropy } from '#src/system';
import { usd } from '#test/ledger-world';
import { RELOAD_USD, switchReload } from './saved-card.ts';
import type { World } from './world.ts';

const VISA = { number: '4242424242424242' };
const ASKS = '4000002760003184';
/** Its bank asks its owner until it was set up for charges without them. */
const ASKS_ONCE = '4000002500003155';

/** What a bank says, and by which row of our table it is told. */
const REFUSALS = [
  ['4000000000000002', 'card_declined'],
  ['4000000000009995', 'insufficient_funds'],
  ['4000000000009987', 'card_declined'],
  ['4000000000009979', 'card_declined'],
  ['4000000000000069', 'expired_card'],
  ['4000000000000127', 'incorrect_cvc'],
  ['4000000000000119', 'processing_error'],
  ['4000000000006975', 'card_velocity_exceeded'],
  ['4100000000000019', 'blocked'],
] as const;

/** What a person does on the hosted pages. */
export function onThePage(its: () => World): void {
  describe('a purchase on the hosted page', () => {
    it('is credited exactly once, whoever looks and however often', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '25');
      expect(await world.enter(purchase, VISA)).toBe('complete');
      const credited = await world.sweepUntil('credited', async () => {
        const [row] = await Promise.all([
          world.look(purchase),
          world.look(purchase),
          world.look(purchase),
        ]);
        return row.state === 'credited' ? row : undefined;
      });
      for (const type of ['checkout.session.completed', 'payment_intent.succeeded']) {
        const objectId = credited.sessionId ?? '';
        const { paymentIntentId } = credited;
        const hint = { type, objectId, paymentIntentId };
        expect(await followHint(world.deps, hint, 'webhook')).toBe('already_credited');
      }
      expect(await world.grants(organizationId)).toBe(1);
      expect(await world.available(organizationId)).toBe(usd('25'));
      const view = await viewPurchase(world.db.pool, credited);
      expect(view).toMatchObject({ failure: null, redirect_url: null, total_usd: '25' });
      expect(view.receipt_url).toMatch(/^https?:/);
    });

    it('is credited by the event list alone, with the browser closed and no webhook (S11)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      expect(await world.enter(purchase, VISA)).toBe('complete');
      await world.sweepUntil('credited', async () => {
        const { state } = await world.stored(purchase);
        return state === 'credited' ? state : undefined;
      });
      const via = await world.db.ownerPool.query({
        text: 'SELECT settled_via FROM payments.purchases WHERE id = $1',
        values: [purchase.id],
      });
      expect(via).toEqual([{ settled_via: 'event_sweep' }]);
      expect(await world.available(organizationId)).toBe(usd('5'));
    });

    it('tells each refusal by its own cause, and another card pays on the same page (S20, S35)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      for (const [number, code] of REFUSALS) {
        expect(await world.enter(purchase, { number })).toBe('declined');
        const { failure } = await world.until(`${number} is refused`, async () => {
          const row = await world.look(purchase);
          return row.failure?.card?.last4 === number.slice(-4) ? row : undefined;
        });
        expect(failure).toMatchObject({ code, charged: false, title: wordsOf(code).title });
      }
      expect(await world.available(organizationId)).toBe(0n);
      expect(await world.enter(purchase, VISA)).toBe('complete');
      await credited(world, purchase.id, () => world.look(purchase));
      expect(await world.available(organizationId)).toBe(usd('5'));
    });

    it('whose bank asks its owner waits, tells a refused question, and ends paid', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      expect(await world.enter(purchase, { number: ASKS, bank: 'leave' })).toBe('verifying');
      expect(await world.look(purchase)).toMatchObject({ state: 'awaiting_customer' });
      expect(await world.available(organizationId)).toBe(0n);
      const other = await world.begin(organizationId, '6');
      expect(await world.enter(other, { number: ASKS, bank: 'refuse' })).toBe('declined');
      const { failure } = await world.until('the refusal is told', async () => {
        const row = await world.look(other);
        return row.state === 'declined' ? row : undefined;
      });
      expect(failure).toMatchObject({ class: 'AUTH', charged: false });
      expect(await world.enter(other, { number: ASKS, bank: 'confirm' })).toBe('complete');
      await credited(world, other.id, () => world.look(other));
      expect(await world.available(organizationId)).toBe(usd('6'));
    });

    it('is canceled for good: its page is closed at the processor', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      expect((await cancelPurchase(world.deps, purchase.id)).outcome).toBe('canceled');
      const page = await world.stripe.checkout.sessions.retrieve(purchase.sessionId ?? '');
      expect(page).toMatchObject({ status: 'expired', payment_status: 'unpaid' });
      expect(await world.look(purchase)).toMatchObject({ state: 'canceled', redirectUrl: null });
    });

    it('that is canceled after it was paid is credited all the same (S37)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      expect(await world.enter(purchase, VISA)).toBe('complete');
      expect((await cancelPurchase(world.deps, purchase.id)).outcome).toBe('not_open');
      await credited(world, purchase.id, () => world.look(purchase));
      expect(await world.grants(organizationId)).toBe(1);
    });

    it('whose page ran out says so, and the next purchase is a new page', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const purchase = await world.begin(organizationId, '5');
      await world.stripe.checkout.sessions.expire(purchase.sessionId ?? '');
      expect(await world.look(purchase)).toMatchObject({ state: 'expired', failure: null });
      const next = await world.begin(organizationId, '5');
      expect(next.sessionId).not.toBe(purchase.sessionId);
      expect(await world.enter(next, VISA)).toBe('complete');
      await credited(world, next.id, () => world.look(next));
      expect(await world.available(organizationId)).toBe(usd('5'));
    });

    it('gives way to a newer one: two open pages would be two ways to pay (S14)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const first = await world.begin(organizationId, '5');
      const second = await world.begin(organizationId, '7');
      expect(await world.stored(first)).toMatchObject({ state: 'canceled' });
      const page = await world.stripe.checkout.sessions.retrieve(first.sessionId ?? '');
      expect(page.status).toBe('expired');
      expect(await world.look(second)).toMatchObject({ state: 'awaiting_customer' });
    });
  });

  describe('a card on the hosted page', () => {
    it('is saved with consent, charges nothing, and is told if it is refused', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const begun = await beginSetup(world.deps, {
        ...{ organizationId, actor: 'user_test', ip: '203.0.113.7' },
        consentVersion: CURRENT_CONSENT.version,
        nonce: newId('request', systemEntropy),
      });
      if (begun.outcome !== 'opened') throw new Error(begun.outcome);
      const page = begun.setup.redirectUrl ?? '';
      const { hands } = world.stage;
      expect(await hands.enter(page, { number: '4000000000000002' })).toBe('declined');
      expect(await hands.enter(page, VISA)).toBe('complete');
      const saved = await world.until('saved', async () => {
        const told = await refreshSetup(world.deps, begun.setup);
        if (told.outcome !== 'refreshed') throw new Error(told.outcome);
        return told.setup.state === 'saved' ? told.setup : undefined;
      });
      const cards = await savedCards(world.deps, organizationId);
      expect(cards).toMatchObject([{ id: saved.cardId, last4: '4242', isDefault: true }]);
      expect(await world.grants(organizationId)).toBe(0);
    });

    it('that paid is kept where its owner agreed, and charged later without them', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const agreement = agreeToKeep(PURCHASE_CONSENT.version, '203.0.113.7');
      if (agreement.outcome !== 'agreed') throw new Error(agreement.outcome);
      const begun = await beginPurchase(world.deps, {
        ...{ organizationId, amount: usd('5'), trigger: 'manual', actor: 'user_test' },
        keepCard: agreement.agreed,
      });
      if (begun.outcome !== 'opened') throw new Error(begun.outcome);
      const { purchase } = begun;
      expect(await world.enter(purchase, { number: ASKS_ONCE, bank: 'confirm' })).toBe('complete');
      await credited(world, purchase.id, () => world.look(purchase));
      await keepPurchaseCard(world.deps, organizationId, purchase.id);
      expect(await savedCards(world.deps, organizationId)).toMatchObject([
        { last4: ASKS_ONCE.slice(-4), isDefault: true },
      ]);
      await switchReload(world, organizationId, true);
      await world.until('the reload is credited', async () =>
        (await world.available(organizationId)) === usd(RELOAD_USD) ? true : undefined,
      );
    });
  });
}

async function credited(
  world: World,
  what: string,
  look: () => Promise<{ state: string }>,
): Promise<void> {
  await world.until(`${what} is credited`, async () => {
    const { state } = await look();
    return state === 'credited' ? state : undefined;
  });
}
