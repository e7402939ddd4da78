import type Stripe from 'stripe';
import { draftOf, partyOf } from './checkout-sessions.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { finalize } from './invoice-course.ts';
import { lineOfSession } from './invoice-lines.ts';
import { invoiceNamed, newInvoice, recomputed } from './invoice-object.ts';
import { bindPayment } from './invoice-payments.ts';
import { intentNamed } from './new-intent.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { decideTax } from './tax.ts';

/** The invoice of a session that was paid: made afterwards, so failed tries use up no number. */
export function invoiceSession(sim: Sim, session: Stripe.Checkout.Session): string | null {
  const asked = session.invoice_creation;
  if (asked?.enabled !== true) return null;
  const customer = sim.store.customers.get(idOf(session.customer) ?? '') ?? null;
  const draft = newInvoice(sim, {
    customer,
    currency: session.currency ?? 'usd',
    collection: 'charge_automatically',
    autoAdvance: false,
    automaticTax: false,
    dueDate: null,
    description: asked.invoice_data.description,
    footer: asked.invoice_data.footer,
    metadata: asked.invoice_data.metadata ?? {},
    defaultMethod: null,
    customFields: null,
  });
  const { collected, lines } = draftOf(sim, session.id);
  const party = partyOf(sim, customer);
  // What was paid is paid: tax that is down now only leaves the lines without it.
  const decided =
    session.automatic_tax.enabled && sim.faults.tax !== 'down'
      ? decideTax(sim, {
          ...party,
          address: collected?.address ?? party.address,
          taxIds: [...party.taxIds, ...(collected?.taxIds ?? [])],
        })
      : null;
  const taxed = decided?.kind === 'taxed' ? decided : null;
  const invoice = recomputed(sim, {
    ...draft,
    lines: {
      ...draft.lines,
      data: lines.map((line) => lineOfSession(sim, draft.id, line, taxed)),
    },
  });
  emit(sim, NO_REQUEST, 'invoice.created', invoice);
  const open = finalize(sim, NO_REQUEST, invoice);
  const automatic = session.automatic_tax.enabled;
  sim.store.invoices.put({
    ...open,
    automatic_tax: {
      ...open.automatic_tax,
      enabled: automatic,
      liability: automatic ? { type: 'self' } : null,
      provider: automatic ? 'stripe' : null,
      status: automatic ? 'complete' : null,
    },
  });
  const intent = intentNamed(sim, idOf(session.payment_intent) ?? '');
  bindPayment(sim, NO_REQUEST, invoiceNamed(sim, invoice.id), intent);
  return invoice.id;
}
