import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { listPayments, prepareDocuments } from '#payments/documents';
import { type Purchase, readPurchase } from '#payments/purchases';
import { pursueRefund } from '#payments/refund-course';
import { requestRefund } from '#payments/refunds';
import { settlePayment } from '#payments/settle';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const own = (text: string, values: readonly unknown[] = []) =>
  world.db.ownerPool.query({ text, values });

/** As often as it takes, without the waits in between. */
async function prepare(): Promise<void> {
  await own(
    `UPDATE payments.documents SET next_try_at = bursar.real_now() WHERE next_try_at IS NOT NULL`,
  );
  await prepareDocuments(world.deps);
}

async function bought(taxed: boolean): Promise<Purchase> {
  const org = await world.organization();
  const deps = { ...world.deps, automaticTax: taxed };
  await world.settings({ tax_rate_percent: taxed ? '8' : '0' });
  const begun = await world.begin(org, '25', deps);
  const payment = String(Object(await world.pay(begun)).payment_intent);
  await world.settings({ tax_rate_percent: '0' });
  await settlePayment(deps, payment, 'poller');
  const purchase = await readPurchase(world.deps.pool, begun.id);
  if (purchase?.state !== 'credited') throw new Error('not credited');
  return purchase;
}

const papersOf = (purchase: Purchase, kind: 'purchase' | 'refund') =>
  listPayments(world.deps.pool, purchase.organizationId, { kind }, 10).then(([line]) => line);

async function readable(url: string | null | undefined): Promise<string> {
  const answer = await fetch(url ?? '');
  expect(answer.status).toBe(200);
  return answer.headers.get('content-type') ?? '';
}

describe('documents at the processor', () => {
  it('of a hosted payment: numbered invoice as PDF, receipt, descriptor', async () => {
    const purchase = await bought(false);
    await prepare();
    const papers = await papersOf(purchase, 'purchase');
    expect(papers).toMatchObject({ documentState: 'ready', taxLines: [] });
    expect(papers?.number).toMatch(/\S/);
    expect(papers?.descriptor).toContain('* API CRE');
    expect(await readable(papers?.pdfUrl)).toContain('pdf');
    expect(await readable(papers?.receiptUrl)).toContain('html');
  });

  it('of a taxed payment: the tax lines too', async () => {
    const purchase = await bought(true);
    expect(purchase.tax).toBe(parseUsd('2'));
    await prepare();
    expect((await papersOf(purchase, 'purchase'))?.taxLines).toEqual([
      { label: 'Tax', taxable_usd: '25', amount_usd: '2' },
    ]);
  });

  it('of a refund: a credit note on the invoice, once', async () => {
    const purchase = await bought(true);
    await prepare();
    const asked = await world.deps.pool.transaction((tx) =>
      requestRefund(tx, world.deps.entropy, {
        ...{ purchaseId: purchase.id, amount: parseUsd('5') ?? ZERO, reason: 'goodwill' },
        actor: 'operator',
      }),
    );
    if (asked.outcome !== 'requested') throw new Error(asked.outcome);
    await pursueRefund(world.deps, purchase.organizationId, asked.refund.id);
    await prepare();
    const note = await papersOf(purchase, 'refund');
    expect(note).toMatchObject({ state: 'paid', documentState: 'ready' });
    expect(note?.number).toMatch(/\S/);
    expect(await readable(note?.pdfUrl)).toContain('pdf');
    // Wanted again, the one there is is found.
    await own(
      `UPDATE payments.documents SET state = 'wanted', number = NULL,
        next_try_at = bursar.real_now() WHERE subject = $1`,
      [asked.refund.id],
    );
    await prepareDocuments(world.deps);
    expect((await papersOf(purchase, 'refund'))?.number).toBe(note?.number);
  });

  it('of a payment nobody was on a page for: made afterwards and attached to it', async () => {
    const purchase = await bought(false);
    const { organizationId, environment } = purchase;
    const [customer] = await world.db.ownerPool.query<{ id: string }>({
      text: 'SELECT customer_id AS id FROM payments.customers WHERE organization_id = $1',
      values: [organizationId],
    });
    const { paymentId } = await offSession(customer?.id ?? '', purchase);
    const order = {
      ...{
        purchaseId: `${purchase.id}_off`,
        organizationId,
        environment,
        paymentIntentId: paymentId,
      },
      ...{ customerId: customer?.id ?? '', credit: parseUsd('25') ?? ZERO, tax: ZERO },
    };
    const { documents } = world.deps;
    const made = await documents.createInvoice(order);
    if (made.outcome !== 'done') throw new Error(made.detail);
    const again = await documents.createInvoice(order);
    expect(again).toEqual(made);
    for (let time = 0; time < 2; time++) {
      expect(await documents.completeInvoice(made.invoiceId, order)).toEqual({ outcome: 'done' });
    }
    const read = await documents.papersOf(paymentId);
    expect(read).toMatchObject({ papers: { invoice: { id: made.invoiceId } } });
  });
});

async function offSession(customer: string, purchase: Purchase): Promise<{ paymentId: string }> {
  const body = new URLSearchParams({
    ...{ amount: '2500', currency: 'usd', customer, payment_method: 'pm_card_visa' },
    ...{ confirm: 'true', off_session: 'true', 'metadata[purpose]': 'credit_topup' },
    'metadata[purchase_id]': purchase.id,
  });
  const answer = await fetch(`${world.simUrl}/v1/payment_intents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.secretKey}` },
    body,
  });
  const told: unknown = await answer.json();
  return { paymentId: String(Reflect.get(Object(told), 'id')) };
}
