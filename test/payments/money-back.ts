import { describe, expect, it } from 'vitest';
import type { NanoUsd } from '#kernel/money';
import { type Dispute, disputesOf } from '#payments/disputes';
import { readOverlay } from '#payments/money-back-view';
import type { Purchase } from '#payments/purchases';
import { pursueDueRefunds, pursueRefund } from '#payments/refund-course';
import { type Refund, refundsOf, requestRefund } from '#payments/refunds';
import { reloadPauses } from '#payments/reload-pauses';
import { listWarnings } from '#payments/warnings';
import { usd } from '#test/ledger-world';
import { bought, RELOAD_USD } from './saved-card.ts';
import type { World } from './world.ts';

const ALL = usd(RELOAD_USD);

async function refund(world: World, purchase: Purchase, amount: NanoUsd | 'all'): Promise<Refund> {
  const asked = await world.db.pool.transaction((tx) =>
    requestRefund(tx, world.deps.entropy, {
      ...{ purchaseId: purchase.id, amount, reason: 'asked for it', actor: 'operator' },
    }),
  );
  if (asked.outcome !== 'requested') throw new Error(asked.outcome);
  await pursueRefund(world.deps, purchase.organizationId, asked.refund.id);
  return asked.refund;
}

const refunded = (world: World, purchase: Purchase, state: Refund['state']) =>
  world.sweepUntil(`the refund is ${state}`, async () => {
    await pursueDueRefunds(world.deps);
    const rows = await refundsOf(world.db.pool, purchase);
    return rows.find((row) => row.state === state);
  });

const disputed = (world: World, purchase: Purchase, state: Dispute['state']) =>
  world.sweepUntil(`the dispute is ${state}`, async () => {
    const rows = await disputesOf(world.db.pool, purchase);
    return rows.find((row) => row.state === state);
  });

/** Words in which a test account's bank reads its verdict. */
const answer = (world: World, dispute: Dispute, words: 'winning_evidence' | 'losing_evidence') =>
  world.stripe.disputes.update(dispute.id, {
    evidence: { uncategorized_text: words },
    submit: true,
  });

/** Refunds, disputes and warnings, at the processor and here. */
export function moneyBack(its: () => World): void {
  describe('a refund', () => {
    it('of everything leaves nothing here and nothing there', async () => {
      const world = its();
      const { organizationId, purchase, paymentIntentId } = await bought(world, 'pm_card_visa');
      await refund(world, purchase, 'all');
      await refunded(world, purchase, 'paid');
      expect(await world.available(organizationId)).toBe(0n);
      expect((await readOverlay(world.db.pool, purchase)).overlay).toBe('refunded');
      const there = await world.stripe.refunds.list({ payment_intent: paymentIntentId });
      expect(there.data.map(({ amount, status }) => ({ amount, status }))).toEqual([
        { amount: 5000, status: 'succeeded' },
      ]);
    });

    it('of a part leaves the rest', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_visa');
      await refund(world, purchase, usd('20'));
      await refunded(world, purchase, 'paid');
      expect(await world.available(organizationId)).toBe(usd('30'));
      expect((await readOverlay(world.db.pool, purchase)).overlay).toBe('part_refunded');
    });

    it('made in the dashboard is booked by the event list, once', async () => {
      const world = its();
      const { organizationId, purchase, paymentIntentId } = await bought(world, 'pm_card_visa');
      await world.stripe.refunds.create({ payment_intent: paymentIntentId, amount: 1500 });
      const row = await refunded(world, purchase, 'paid');
      expect(row.origin).toBe('processor');
      expect(await world.available(organizationId)).toBe(usd('35'));
      expect(await refundsOf(world.db.pool, purchase)).toHaveLength(1);
    });

    it('that the bank takes its time for is on its way first, and then paid', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_pendingRefund');
      await refund(world, purchase, 'all');
      expect(await world.available(organizationId)).toBe(0n);
      await refunded(world, purchase, 'paid');
      expect(await world.available(organizationId)).toBe(0n);
    });

    it('that fails in the end gives the credit back (S27)', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_refundFail');
      await refund(world, purchase, 'all');
      const failed = await refunded(world, purchase, 'failed');
      expect(failed.failureCode).not.toBeNull();
      expect(await world.available(organizationId)).toBe(ALL);
    });
  });

  describe('a dispute', () => {
    it('freezes what is unspent, and gives it back when it is won (S24)', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_createDispute');
      const open = await disputed(world, purchase, 'open');
      expect(open.frozen).toBe(ALL);
      expect(await world.available(organizationId)).toBe(0n);
      await answer(world, open, 'winning_evidence');
      await disputed(world, purchase, 'won');
      expect(await world.available(organizationId)).toBe(ALL);
      expect((await readOverlay(world.db.pool, purchase)).overlay).toBe('dispute_won');
    });

    it('that is lost takes the credit', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_createDispute');
      const open = await disputed(world, purchase, 'open');
      await answer(world, open, 'losing_evidence');
      await disputed(world, purchase, 'lost');
      expect(await world.available(organizationId)).toBe(0n);
      expect((await readOverlay(world.db.pool, purchase)).overlay).toBe('dispute_lost');
    });

    it('that is only a question freezes nothing', async () => {
      const world = its();
      const { organizationId, purchase } = await bought(world, 'pm_card_createDisputeInquiry');
      const inquiry = await disputed(world, purchase, 'inquiry');
      expect(inquiry.frozen).toBe(0n);
      expect(await world.available(organizationId)).toBe(ALL);
    });
  });

  describe("a bank's warning of fraud", () => {
    it('stops auto-reload and touches no credit, until the payment is refunded', async () => {
      const world = its();
      const card = 'pm_card_createIssuerFraudRecord';
      const { organizationId, purchase } = await bought(world, card);
      const warned = await world.sweepUntil('warned', async () =>
        (await listWarnings(world.db.pool, 100)).find((row) => row.purchaseId === purchase.id),
      );
      expect(warned.actionable).toBe(true);
      expect(await reloadPauses(world.db.pool, organizationId)).toMatchObject([
        { cause: 'fraud_warning', subject: warned.id },
      ]);
      expect(await world.available(organizationId)).toBe(ALL);
      await refund(world, purchase, 'all');
      await refunded(world, purchase, 'paid');
      await world.sweepUntil('the pause is over', async () => {
        const pauses = await reloadPauses(world.db.pool, organizationId);
        return pauses.length === 0 ? true : undefined;
      });
    });
  });
}
