import { describe, expect, it } from 'vitest';
import { savedCards } from '#payments/cards';
import { listPurchases } from '#payments/purchases';
import { evaluateReload } from '#payments/reload';
import { readReload } from '#payments/reload-settings';
import { usd } from '#test/ledger-world';
import { bought, keepCard, RELOAD_USD, reload, switchReload } from './saved-card.ts';
import type { World } from './world.ts';

/** Charges without anybody there. */
export function withSavedCards(its: () => World): void {
  const statuses = async (purchaseId: string, customer: string) =>
    (await its().stripe.paymentIntents.list({ customer, limit: 100 })).data
      .filter(({ metadata }) => metadata.purchase_id === purchaseId)
      .map(({ status }) => status);
  const customerOf = async (paymentIntentId: string): Promise<string> => {
    const { customer } = await its().stripe.paymentIntents.retrieve(paymentIntentId);
    return typeof customer === 'string' ? customer : (customer?.id ?? '');
  };

  describe('auto-reload with a saved card', () => {
    it('charges a card that was set up once, however many ask (S16)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      await keepCard(world, organizationId, 'pm_card_visa', 'set_up');
      const first = await reload(world, organizationId);
      await Promise.all(
        Array.from({ length: 10 }, () =>
          evaluateReload(world.deps, organizationId, 'request_refused'),
        ),
      );
      const row = await world.until('credited', async () => {
        const seen = await world.look(first);
        return seen.state === 'credited' ? seen : undefined;
      });
      expect(await world.available(organizationId)).toBe(usd(RELOAD_USD));
      expect(await listPurchases(world.db.pool, organizationId, 10)).toHaveLength(1);
      const customer = await customerOf(row.paymentIntentId ?? '');
      expect(await statuses(row.id, customer)).toEqual(['succeeded']);
    });

    it('charges a card whose bank asks only those who are there', async () => {
      const { organizationId } = await bought(
        its(),
        'pm_card_authenticationRequiredSetupForOffSession',
      );
      expect(await its().available(organizationId)).toBe(usd(RELOAD_USD));
    });

    it('leaves a card that was refused alone, and says so (S19)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      await keepCard(world, organizationId, 'pm_card_chargeCustomerFail');
      const failed = await reload(world, organizationId);
      expect(failed).toMatchObject({ state: 'failed', failure: { charged: false } });
      const asked = await evaluateReload(world.deps, organizationId, 'request_refused');
      expect(['card_resting', 'declined_recently']).toContain(asked);
      expect((await readReload(world.db.pool, organizationId)).status).toBe('on');
    });

    it('is paused by a final refusal until there is another card', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      await keepCard(world, organizationId, 'pm_card_radarBlock');
      expect(await reload(world, organizationId)).toMatchObject({ state: 'failed' });
      const { status, paused } = await readReload(world.db.pool, organizationId);
      expect({ status, paused }).toEqual({ status: 'paused', paused: 'card_declined' });
      expect(await world.available(organizationId)).toBe(0n);
    });

    it('is paused where the bank wants the owner, with nothing left open there (S18)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      await keepCard(world, organizationId, 'pm_card_authenticationRequired');
      const failed = await reload(world, organizationId);
      expect(failed).toMatchObject({ state: 'failed', failure: { class: 'AUTH' } });
      const { paused } = await readReload(world.db.pool, organizationId);
      expect(paused).toBe('verification_required');
      const customers = await world.db.ownerPool.query<{ id: string }>({
        text: 'SELECT customer_id AS id FROM payments.customers WHERE organization_id = $1',
        values: [organizationId],
      });
      expect(await statuses(failed.id, customers[0]?.id ?? '')).toEqual(['canceled']);
    });

    it('that was charged and not heard of is credited late, even switched off since (S15)', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      await keepCard(world, organizationId, 'pm_card_visa', 'set_up');
      world.line.breakAnswers('all');
      const unheard = await reload(world, organizationId).finally(() =>
        world.line.breakAnswers('none'),
      );
      expect(unheard.state).toBe('opening');
      expect(await world.available(organizationId)).toBe(0n);
      await switchReload(world, organizationId, false);
      await world.until('credited', async () => {
        const { state } = await world.look(unheard);
        return state === 'credited' ? state : undefined;
      });
      expect(await world.available(organizationId)).toBe(usd(RELOAD_USD));
      expect(await world.grants(organizationId)).toBe(1);
    });
  });

  describe('a saved card', () => {
    it('that is removed at the processor is gone here too, by the event list', async () => {
      const world = its();
      const { organizationId } = await world.payer();
      const card = await keepCard(world, organizationId, 'pm_card_visa', 'set_up');
      expect(await savedCards(world.deps, organizationId)).toHaveLength(1);
      await world.stripe.paymentMethods.detach(card);
      await world.sweepUntil('gone', async () => {
        const cards = await savedCards(world.deps, organizationId);
        return cards.length === 0 ? true : undefined;
      });
    });
  });
}
