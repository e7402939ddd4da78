import type Stripe from 'stripe';
import { invalid } from './error.ts';
import { emit } from './events.ts';
import { idOf } from './ids.ts';
import { customerParts, nextNumber, recomputed, type StoredInvoice } from './invoice-object.ts';
import { later } from './schedule.ts';
import { type Cause, NO_REQUEST, type Sim } from './sim.ts';
import { unlocatable } from './tax-places.ts';

const DAY = 24 * 3600;

/** Gives the number and fixes what the invoice says. */
export function finalize(sim: Sim, cause: Cause, before: StoredInvoice): StoredInvoice {
  if (before.status !== 'draft') {
    throw invalid('This invoice is already finalized, you cannot re-finalize it.');
  }
  const customer = sim.store.customers.get(idOf(before.customer) ?? '') ?? null;
  const draft = recomputed(sim, { ...before, ...customerParts(sim, customer) });
  if (draft.automatic_tax.status === 'requires_location_inputs') {
    emit(sim, cause, 'invoice.finalization_failed', draft);
    throw unlocatable('automatic_tax');
  }
  const now = sim.now();
  // Whole days after the draft were asked for in days, which count from now; a date stays.
  const ahead = draft.due_date === null ? null : draft.due_date - draft.created;
  const dueDate = ahead !== null && ahead % DAY === 0 ? now + ahead : draft.due_date;
  const invoice = sim.store.invoices.put({
    ...draft,
    automatically_finalizes_at: null,
    due_date: dueDate,
    effective_at: now,
    ending_balance: 0,
    hosted_invoice_url: `${sim.baseUrl()}/i/${draft.id}`,
    invoice_pdf: `${sim.baseUrl()}/i/${draft.id}/pdf`,
    number: draft.number ?? nextNumber(sim, draft),
    status: 'open',
    status_transitions: { ...draft.status_transitions, finalized_at: now },
  });
  emit(sim, cause, 'invoice.finalized', invoice, { status: 'draft', number: null });
  emit(sim, cause, 'invoice.updated', invoice, { status: 'draft' });
  if (dueDate !== null) later(sim, 'invoice_overdue', invoice.id, dueDate - now);
  return invoice.amount_due === 0 ? markPaid(sim, cause, invoice) : invoice;
}

/** An hour after it was drafted, if nobody was faster. */
export function finalizeByItself(sim: Sim, id: string): void {
  const invoice = sim.store.invoices.get(id);
  if (invoice?.status === 'draft' && invoice.auto_advance === true) {
    finalize(sim, NO_REQUEST, invoice);
  }
}

export function tellOverdue(sim: Sim, id: string): void {
  const invoice = sim.store.invoices.get(id);
  if (invoice?.status === 'open') emit(sim, NO_REQUEST, 'invoice.overdue', invoice);
}

export function markPaid(sim: Sim, cause: Cause, before: StoredInvoice): StoredInvoice {
  const invoice = sim.store.invoices.put({
    ...before,
    amount_remaining: 0,
    attempted: true,
    auto_advance: false,
    status: 'paid',
    status_transitions: { ...before.status_transitions, paid_at: sim.now() },
  });
  emit(sim, cause, 'invoice.updated', invoice, { status: before.status });
  emit(sim, cause, 'invoice.paid', invoice);
  emit(sim, cause, 'invoice.payment_succeeded', invoice);
  return invoice;
}

interface Move {
  from: ReadonlyArray<Stripe.Invoice.Status>;
  at: 'voided_at' | 'marked_uncollectible_at';
  event: 'invoice.voided' | 'invoice.marked_uncollectible';
}

/** Endings without money. */
const MOVES: Record<'void' | 'uncollectible', Move> = {
  void: { from: ['open', 'uncollectible'], at: 'voided_at', event: 'invoice.voided' },
  uncollectible: {
    from: ['open'],
    at: 'marked_uncollectible_at',
    event: 'invoice.marked_uncollectible',
  },
};

export function giveUp(
  sim: Sim,
  cause: Cause,
  before: StoredInvoice,
  status: keyof typeof MOVES,
): StoredInvoice {
  const { from, at, event } = MOVES[status];
  if (before.status === null || !from.includes(before.status)) {
    throw invalid(`You can only do this to an invoice that is ${from.join(' or ')}.`);
  }
  const invoice = sim.store.invoices.put({
    ...before,
    auto_advance: false,
    status,
    status_transitions: { ...before.status_transitions, [at]: sim.now() },
  });
  emit(sim, cause, event, invoice, { status: before.status });
  return invoice;
}
