import { describe, expect, it } from 'vitest';
import { prepareDocuments } from '#payments/documents';
import { bought } from './saved-card.ts';
import type { World } from './world.ts';

const DAY_MS = 86_400_000;

/** What is written down of a payment, for the customer and for the operator. */
export function papersAndBooks(its: () => World): void {
  describe('a purchase without a page', () => {
    it('gets its invoice afterwards, paid by the payment there was', async () => {
      const world = its();
      const { purchase, paymentIntentId } = await bought(world, 'pm_card_visa');
      const papers = await world.until('the invoice is there', async () => {
        await prepareDocuments(world.deps);
        const read = await world.deps.documents.papersOf(paymentIntentId);
        return read.outcome === 'found' && read.papers.invoice !== null ? read.papers : undefined;
      });
      expect(papers.invoice?.number).toMatch(/\w/);
      expect(papers.descriptor).toMatch(/\* API/);
      const invoice = await world.stripe.invoices.retrieve(papers.invoice?.id ?? '');
      expect(invoice).toMatchObject({ status: 'paid', total: 5000, amount_remaining: 0 });
      expect(invoice.metadata?.purchase_id).toBe(purchase.id);
      const after = await world.stripe.paymentIntents.retrieve(paymentIntentId);
      expect(after.amount_received).toBe(5000);
    });
  });

  describe("the processor's books", () => {
    it('name the payment, what was charged, and that it was not given back', async () => {
      const world = its();
      const { books } = world.deps;
      const { paymentIntentId } = await bought(world, 'pm_card_visa');
      const from = new Date(world.deps.clock.now().getTime() - DAY_MS);
      const movement = await world.until('the books have it', async () => {
        const page = await books.listMovements({ from }, 100);
        if (page.outcome !== 'listed') throw new Error(page.detail);
        return page.movements.find((row) => row.paymentIntentId === paymentIntentId);
      });
      expect(movement).toMatchObject({ kind: 'charge', currency: 'usd', minorUnits: 5000n });
      const told = await books.readCharge(paymentIntentId);
      expect(told).toMatchObject({ outcome: 'found', charge: { paid: true } });
      expect((await books.listEndpoints()).outcome).toBe('listed');
    });
  });
}
