import type Stripe from 'stripe';
import { draftOf } from './checkout-sessions.ts';
import { idOf } from './ids.ts';
import { taxed, totalsOf } from './line-items.ts';
import { intentNamed } from './new-intent.ts';
import type { Sim } from './sim.ts';
import { BY_PLACE, decideTax } from './tax.ts';
import { type GivenTaxId, taxIdsOf } from './tax-ids.ts';

type Session = Stripe.Checkout.Session;

/** What a person said about themselves before paying. */
export interface Collected {
  address: Stripe.Address;
  taxIds: GivenTaxId[];
}

/** True while tax cannot be shown because nobody has said where the buyer is. */
export function needsPlace(sim: Sim, session: Session): boolean {
  const { enabled, status } = session.automatic_tax;
  const byPlace = sim.settings().tax_rate_percent === BY_PLACE;
  return byPlace && enabled && status === 'requires_location_inputs';
}

/** Computes tax again for where the buyer says to be; undefined if that place is unusable. */
export function taxSession(sim: Sim, session: Session, collected: Collected): Session | undefined {
  const draft = draftOf(sim, session.id);
  sim.store.session_drafts.put({ ...draft, collected });
  // A flat rate was computed with the session and does not depend on the place.
  const byPlace = sim.settings().tax_rate_percent === BY_PLACE;
  if (!session.automatic_tax.enabled || !(byPlace || sim.faults.tax === 'down')) return session;
  const customer = sim.store.customers.get(idOf(session.customer) ?? '');
  const kept = taxIdsOf(sim, customer?.id ?? null);
  const decided = decideTax(sim, {
    address: collected.address,
    taxIds: [...collected.taxIds, ...kept],
    exempt: customer?.tax_exempt ?? 'none',
  });
  if (decided.kind === 'unlocated') return undefined;
  const lines = draft.lines.map((line) => taxed(line, decided.percent));
  const totals = totalsOf(lines);
  sim.store.session_drafts.put({ ...draft, collected, lines });
  const intentId = idOf(session.payment_intent);
  if (intentId !== null) {
    const intent = intentNamed(sim, intentId);
    sim.store.payment_intents.put({ ...intent, amount: totals.total });
  }
  return sim.store.checkout_sessions.put({
    ...session,
    amount_total: totals.total,
    automatic_tax: { ...session.automatic_tax, status: 'complete' },
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: totals.tax },
  });
}
