import type Stripe from 'stripe';
import { formatUsd, fromCents } from '#kernel/money';
import type { DocumentPort, InvoiceOrder, Paper, TaxLine } from '#payments/document-port';
import { PURPOSE } from '#payments/processor';
import { change, connect, READ, read, type StripeOptions } from '#payments/stripe';
import { invoiceLines, wholeCents } from '#payments/stripe-invoices';

/** Papers at Stripe (stripe facts 1.6). Nothing here moves money. */
export function stripeDocuments(options: StripeOptions): DocumentPort {
  const stripe = connect(options);
  return {
    papersOf: (paymentIntentId) =>
      read('papers of a payment', async () => {
        const expand = ['latest_charge'];
        const intent = await stripe.paymentIntents.retrieve(paymentIntentId, { expand }, READ);
        const charge = typeof intent.latest_charge === 'object' ? intent.latest_charge : null;
        return {
          papers: {
            invoice: await invoiceOf(stripe, paymentIntentId),
            receiptUrl: charge?.receipt_url ?? null,
            receiptNumber: charge?.receipt_number ?? null,
            descriptor: charge?.calculated_statement_descriptor ?? null,
            customerId: idOf(intent.customer),
          },
        };
      }),

    createInvoice: (order) =>
      change('create invoice', async () => {
        const made = await stripe.invoices.create(
          {
            customer: order.customerId,
            collection_method: 'charge_automatically',
            auto_advance: false,
            pending_invoice_items_behavior: 'exclude',
            metadata: tagsOf(order),
          },
          { idempotencyKey: keyOf(order, 'create') },
        );
        return { invoiceId: made.id };
      }),

    completeInvoice: (invoiceId, order) =>
      change('complete invoice', async () => {
        await complete(stripe, invoiceId, order);
        return {};
      }),

    creditNoteOf: (invoiceId, refundId) =>
      read('credit note of a refund', async () => {
        const list = await stripe.creditNotes.list({ invoice: invoiceId, limit: 100 }, READ);
        const note = list.data.find((each) =>
          each.refunds.some((part) => idOf(part.refund ?? null) === refundId),
        );
        return { note: note === undefined ? null : toNote(note) };
      }),

    createCreditNote: (order) =>
      change('create credit note', async () => {
        const amount = wholeCents(order.amount);
        const note = await stripe.creditNotes.create(
          {
            invoice: order.invoiceId,
            amount,
            refunds: [{ refund: order.refundId, amount_refunded: amount }],
          },
          { idempotencyKey: order.idempotencyKey },
        );
        return { note: toNote(note) };
      }),
  };
}

const idOf = (value: string | { id: string } | null): string | null =>
  typeof value === 'string' ? value : (value?.id ?? null);

async function invoiceOf(stripe: Stripe, paymentIntentId: string): Promise<Paper | null> {
  const payment = { type: 'payment_intent' as const, payment_intent: paymentIntentId };
  const list = await stripe.invoicePayments.list({ payment, limit: 1 }, READ);
  const id = idOf(list.data[0]?.invoice ?? null);
  return id === null ? null : toInvoice(await stripe.invoices.retrieve(id, {}, READ));
}

/** Each step only where the invoice lacks it, each under a key of its own. */
async function complete(stripe: Stripe, id: string, order: InvoiceOrder): Promise<void> {
  let invoice = await stripe.invoices.retrieve(id, {}, READ);
  if (invoice.status === 'draft') {
    if (invoice.lines.data.length === 0) {
      const key = { idempotencyKey: keyOf(order, 'lines') };
      await stripe.invoices.addLines(id, { lines: await invoiceLines(stripe, order) }, key);
    }
    const key = { idempotencyKey: keyOf(order, 'finalize') };
    invoice = await stripe.invoices.finalizeInvoice(id, { auto_advance: false }, key);
  }
  if (invoice.status === 'open') {
    const attached = { payment_intent: order.paymentIntentId };
    const key = { idempotencyKey: keyOf(order, 'attach') };
    await stripe.invoices.attachPayment(id, attached, key);
  }
}

const keyOf = (order: InvoiceOrder, step: string): string =>
  `${order.environment}:${order.purchaseId}:invoice-${step}:1`;

const tagsOf = (order: InvoiceOrder) => ({
  purpose: PURPOSE,
  purchase_id: order.purchaseId,
  org_id: order.organizationId,
  env: order.environment,
});

const usd = (cents: number | null): string => formatUsd(fromCents(BigInt(cents ?? 0)));

function toInvoice(invoice: Stripe.Invoice): Paper {
  const taxes: TaxLine[] = (invoice.total_taxes ?? [])
    .filter((tax) => tax.amount > 0)
    .map((tax) => ({
      label: 'Tax',
      taxable_usd: usd(tax.taxable_amount),
      amount_usd: usd(tax.amount),
    }));
  return {
    id: invoice.id,
    number: invoice.number,
    pdfUrl: invoice.invoice_pdf ?? null,
    pageUrl: invoice.hosted_invoice_url ?? null,
    taxLines: taxes,
  };
}

const toNote = (note: Stripe.CreditNote): Paper => ({
  id: note.id,
  number: note.number,
  pdfUrl: note.pdf === '' ? null : note.pdf,
  pageUrl: null,
  taxLines: [],
});
