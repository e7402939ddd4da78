import type Stripe from 'stripe';
import { partyOf } from './checkout-sessions.ts';
import { missing } from './error.ts';
import { idOf, idText, newId } from './ids.ts';
import { type StoredInvoiceLine, withTax } from './invoice-lines.ts';
import type { Sim } from './sim.ts';
import { decideTax } from './tax.ts';
import { taxIdsOf } from './tax-ids.ts';

/** An invoice as it travels; its payments are shown only when asked for. */
export type StoredInvoice = Omit<Stripe.Invoice, 'lines' | 'payments'> & {
  lines: { object: 'list'; data: StoredInvoiceLine[]; has_more: boolean; url: string };
};

export interface InvoiceFacts {
  customer: Stripe.Customer | null;
  currency: string;
  collection: 'charge_automatically' | 'send_invoice';
  autoAdvance: boolean;
  automaticTax: boolean;
  dueDate: number | null;
  description: string | null;
  footer: string | null;
  metadata: Record<string, string>;
  defaultMethod: string | null;
  customFields: Stripe.Invoice.CustomField[] | null;
}

export function invoiceNamed(sim: Sim, id: string, param?: string): StoredInvoice {
  const found = sim.store.invoices.get(id);
  if (found === undefined) throw missing('invoice', id, param);
  return found;
}

export function newInvoice(sim: Sim, facts: InvoiceFacts): StoredInvoice {
  const id = newId(sim, 'in');
  const now = sim.now();
  const invoice: StoredInvoice = {
    ...EMPTY,
    id,
    account_name: sim.merchantName,
    auto_advance: facts.autoAdvance,
    automatic_tax: {
      disabled_reason: null,
      enabled: facts.automaticTax,
      liability: facts.automaticTax ? { type: 'self' } : null,
      provider: facts.automaticTax ? 'stripe' : null,
      status: null,
    },
    automatically_finalizes_at: facts.autoAdvance ? now + 3600 : null,
    collection_method: facts.collection,
    created: now,
    currency: facts.currency,
    custom_fields: facts.customFields,
    ...customerParts(sim, facts.customer),
    default_payment_method: facts.defaultMethod,
    description: facts.description,
    due_date: facts.dueDate,
    footer: facts.footer,
    lines: { object: 'list', data: [], has_more: false, url: `/v1/invoices/${id}/lines` },
    metadata: facts.metadata,
    period_end: now,
    period_start: now,
    test_clock: facts.customer?.test_clock ?? null,
  };
  return recomputed(sim, invoice);
}

/** Who it is for, as known now; a finalized invoice keeps what it said. */
export function customerParts(sim: Sim, customer: Stripe.Customer | null) {
  return {
    customer: customer?.id ?? null,
    customer_address: customer?.address ?? null,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    customer_phone: customer?.phone ?? null,
    customer_tax_exempt: customer?.tax_exempt ?? 'none',
    customer_tax_ids: taxIdsOf(sim, customer?.id ?? '').map(({ type, value }) => ({ type, value })),
  };
}

/** Sums of the lines, with automatic tax as it is now if it is on. Stored. */
export function recomputed(sim: Sim, before: StoredInvoice): StoredInvoice {
  const invoice = before.automatic_tax.enabled ? automaticallyTaxed(sim, before) : before;
  const lines = invoice.lines.data;
  const taxes = lines.flatMap((line) => line.taxes ?? []);
  const byRate = Map.groupBy(taxes, (tax) => tax.tax_rate_details?.tax_rate ?? '');
  const totalTaxes = [...byRate.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const taxable = same.reduce((sum, tax) => sum + (tax.taxable_amount ?? 0), 0);
    const amount = same.reduce((sum, tax) => sum + tax.amount, 0);
    return [{ ...first, amount, taxable_amount: taxable }];
  });
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0);
  const of = (behavior: string) =>
    totalTaxes.filter((t) => t.tax_behavior === behavior).reduce((sum, t) => sum + t.amount, 0);
  const total = subtotal + of('exclusive');
  const credited = invoice.pre_payment_credit_notes_amount;
  const due = Math.max(0, total - credited);
  return sim.store.invoices.put({
    ...invoice,
    amount_due: due,
    amount_remaining: Math.max(0, due - invoice.amount_paid),
    subtotal,
    subtotal_excluding_tax: subtotal - of('inclusive'),
    total,
    total_excluding_tax: subtotal - of('inclusive'),
    total_taxes: totalTaxes,
  });
}

function automaticallyTaxed(sim: Sim, invoice: StoredInvoice): StoredInvoice {
  const customer = sim.store.customers.get(idOf(invoice.customer) ?? '') ?? null;
  const decided = decideTax(sim, partyOf(sim, customer));
  const located = decided.kind === 'taxed';
  return {
    ...invoice,
    automatic_tax: {
      ...invoice.automatic_tax,
      status: located ? 'complete' : 'requires_location_inputs',
    },
    lines: {
      ...invoice.lines,
      data: located
        ? invoice.lines.data.map((line) => withTax(sim, line, decided, isInclusive(sim, line)))
        : invoice.lines.data,
    },
  };
}

function isInclusive(sim: Sim, line: StoredInvoiceLine): boolean {
  const price = sim.store.prices.get(line.pricing?.price_details.price ?? '');
  return price?.tax_behavior === 'inclusive';
}

/** The next number of the customer's own series, or of nobody's. */
export function nextNumber(sim: Sim, invoice: StoredInvoice): string {
  const customer = sim.store.customers.get(idOf(invoice.customer) ?? '');
  if (customer === undefined) return `${idText(sim, 'invoices', 8).toUpperCase()}-0001`;
  const sequence = customer.next_invoice_sequence ?? 1;
  sim.store.customers.put({ ...customer, next_invoice_sequence: sequence + 1 });
  return `${customer.invoice_prefix ?? 'INV'}-${String(sequence).padStart(4, '0')}`;
}

/** What every draft starts with. */
const EMPTY = {
  object: 'invoice',
  account_country: 'US',
  account_tax_ids: null,
  amount_due: 0,
  amount_overpaid: 0,
  amount_paid: 0,
  amount_paid_off_stripe: 0,
  amount_remaining: 0,
  amount_shipping: 0,
  application: null,
  attempt_count: 0,
  attempted: false,
  billing_reason: 'manual',
  customer_account: null,
  customer_shipping: null,
  default_source: null,
  default_tax_rates: [],
  discounts: [],
  effective_at: null,
  ending_balance: null,
  from_invoice: null,
  hosted_invoice_url: null,
  invoice_pdf: null,
  issuer: { type: 'self' },
  last_finalization_error: null,
  latest_revision: null,
  livemode: false,
  next_payment_attempt: null,
  number: null,
  on_behalf_of: null,
  parent: null,
  payment_settings: {
    default_mandate: null,
    payment_method_options: null,
    payment_method_types: null,
  },
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  starting_balance: 0,
  statement_descriptor: null,
  status: 'draft',
  status_transitions: {
    finalized_at: null,
    marked_uncollectible_at: null,
    paid_at: null,
    voided_at: null,
  },
  subtotal: 0,
  subtotal_excluding_tax: 0,
  test_clock: null,
  total: 0,
  total_discount_amounts: [],
  total_excluding_tax: 0,
  total_pretax_credit_amounts: [],
  total_taxes: [],
  webhooks_delivered_at: null,
} satisfies Partial<StoredInvoice>;
