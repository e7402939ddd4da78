import type Stripe from 'stripe';
import { address } from './addresses.ts';
import { type CardEntry, type EntryRefusal, readEntry } from './card-entry.ts';
import { payIn } from './checkout-payment.ts';
import { sessionNamed } from './checkout-sessions.ts';
import { saveIn } from './checkout-setup.ts';
import { type ErrorBody, StripeFailure } from './error.ts';
import { type CardHolder, newCardMethod } from './payment-methods.ts';
import { taxSession } from './session-tax.ts';
import type { Sim } from './sim.ts';
import { checkTaxId, type GivenTaxId, taxIdTypeFor } from './tax-ids.ts';

type Session = Stripe.Checkout.Session;

export type CheckoutResult =
  | { kind: 'complete'; session: Session; intent: string }
  | { kind: 'declined'; session: Session; intent: string; error: ErrorBody }
  | { kind: 'refused'; session: Session; refusal: EntryRefusal }
  /** Tax changed the total that was shown: it must be seen before it is paid. */
  | { kind: 'repriced'; session: Session }
  | { kind: 'needs_verification'; session: Session; intent: string; url: string }
  | { kind: 'closed'; session: Session };

export interface Submission {
  entry: CardEntry;
  holder: CardHolder;
  taxId: string | null;
  /** The total that was on the page; null if nobody looked. */
  shownTotal: number | null;
}

/** What a person does on the page: enter a card and press the button. */
export function submitCard(sim: Sim, sessionId: string, given: Submission): CheckoutResult {
  const open = sessionNamed(sim, sessionId);
  if (open.status !== 'open') return { kind: 'closed', session: open };
  const placed = placeSession(sim, open, given.holder, given.taxId);
  if (placed.kind === 'refused') return placed;
  const { session } = placed;
  if (given.shownTotal !== null && given.shownTotal !== session.amount_total) {
    return { kind: 'repriced', session };
  }
  const read = readEntry(sim, given.entry, given.holder);
  if (read.kind === 'refused') return { kind: 'refused', session, refusal: read.refusal };
  const expiry = { month: read.expMonth, year: read.expYear };
  const method = newCardMethod(sim, read.card, given.holder, expiry);
  return session.mode === 'setup'
    ? saveIn(sim, session, method, 'not_yet')
    : payIn(sim, session, method, 'not_yet');
}

/** Takes note of where the buyer is and who they are to the tax office. */
export function placeSession(
  sim: Sim,
  session: Session,
  holder: CardHolder,
  taxId: string | null,
):
  | { kind: 'placed'; session: Session }
  | { kind: 'refused'; session: Session; refusal: EntryRefusal } {
  if (session.mode === 'setup') return { kind: 'placed', session };
  const place = address({
    city: holder.city ?? null,
    country: holder.country,
    line1: holder.line1 ?? null,
    postal_code: holder.postalCode,
    state: holder.state ?? null,
  });
  try {
    const taxIds = taxId === null ? [] : [namedTaxId(holder.country, taxId)];
    const taxed = taxSession(sim, session, { address: place, taxIds });
    if (taxed !== undefined) return { kind: 'placed', session: taxed };
    return refused(session, 'customer_tax_location_invalid', NO_PLACE, 'address');
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    const field = error.body.code === 'tax_id_invalid' ? 'tax_id' : 'address';
    return refused(session, error.body.code ?? error.body.type, error.body.message, field);
  }
}

const NO_PLACE = 'We cannot determine tax for this address. Check country, state and postal code.';

function namedTaxId(country: string | null, value: string): GivenTaxId {
  return checkTaxId(taxIdTypeFor(country ?? ''), value.replaceAll(/\s/g, ''), 'tax_id');
}

function refused(
  session: Session,
  code: string,
  message: string,
  field: EntryRefusal['field'],
): { kind: 'refused'; session: Session; refusal: EntryRefusal } {
  return { kind: 'refused', session, refusal: { code, declineCode: null, message, field } };
}
