import type Stripe from 'stripe';
import type { EntryRefusal } from './card-entry.ts';
import { addressFields, cardForm, readFilled, type Typed, taxIdField } from './card-form.ts';
import { type CheckoutResult, placeSession, submitCard } from './checkout-card.ts';
import { savedCards, submitSaved } from './checkout-saved.ts';
import { draftOf, sessionNamed } from './checkout-sessions.ts';
import { idOf } from './ids.ts';
import type { StoredLine } from './line-items.ts';
import { notice, type PageAnswer, type PageRequest, redirect } from './page-answer.ts';
import { document_, escaped, money, problemBox } from './page-html.ts';
import { needsPlace } from './session-tax.ts';
import type { Sim } from './sim.ts';

type Session = Stripe.Checkout.Session;

interface Shown {
  problem: { text: string; field: EntryRefusal['field'] | null } | null;
  typed: Typed;
}

const FRESH: Shown = { problem: null, typed: {} };

/** `/c/pay/…` and `/c/setup/…`: one page, for paying and for saving a card. */
export function checkoutPage(sim: Sim, id: string, request: PageRequest): PageAnswer {
  if (sim.store.checkout_sessions.get(id) === undefined) {
    return notice(404, 'Nothing to pay', 'No such page.');
  }
  const session = sessionNamed(sim, id);
  if (session.status !== 'open') return closed(session);
  if (request.method !== 'POST') return show(sim, session, FRESH);
  const shown = request.form.get('shown_total');
  const shownTotal = shown === null || shown === '' ? null : Number(shown);
  const saved = request.form.get('saved');
  if (saved !== null) return checkoutAnswer(sim, submitSaved(sim, id, saved, shownTotal), {});
  const filled = readFilled(request.form, sim.now());
  if (request.form.get('step') === 'address') {
    const placed = placeSession(sim, session, filled.holder, filled.taxId);
    if (placed.kind === 'placed') return redirect(`/c/pay/${id}`);
    const { message, field } = placed.refusal;
    return show(sim, session, { problem: { text: message, field }, typed: filled.typed });
  }
  return checkoutAnswer(sim, submitCard(sim, id, { ...filled, shownTotal }), filled.typed);
}

export function checkoutAnswer(sim: Sim, result: CheckoutResult, typed: Typed): PageAnswer {
  const again = (text: string, field: EntryRefusal['field'] | null) =>
    show(sim, sessionNamed(sim, result.session.id), { problem: { text, field }, typed });
  switch (result.kind) {
    case 'complete':
      return redirect(successUrl(result.session));
    case 'needs_verification':
      return redirect(result.url);
    case 'closed':
      return closed(result.session);
    case 'declined':
      return again(result.error.message, null);
    case 'refused':
      return again(result.refusal.message, result.refusal.field);
    case 'repriced':
      return again('Tax for this address changed the total. Check it, then pay.', null);
  }
}

function show(sim: Sim, session: Session, shown: Shown): PageAnswer {
  const { collected, lines } = draftOf(sim, session.id);
  const customer = sim.store.customers.get(idOf(session.customer) ?? '');
  const place = collected?.address ?? customer?.address;
  const known: Record<string, string> = {
    name: session.customer_details?.name ?? '',
    country: place?.country ?? 'US',
    state: place?.state ?? '',
    postal_code: place?.postal_code ?? '',
    line1: place?.line1 ?? '',
    city: place?.city ?? '',
    tax_id: collected?.taxIds[0]?.value ?? '',
  };
  const typed = { ...known, ...shown.typed };
  const body =
    session.mode === 'setup'
      ? setupBody(sim, session, { ...shown, typed })
      : payBody(sim, session, lines, { ...shown, typed });
  return {
    status: shown.problem === null ? 200 : 402,
    body,
    formTargets: targetsOf(session),
  };
}

function payBody(sim: Sim, session: Session, lines: StoredLine[], shown: Shown): string {
  const total = money(session.amount_total ?? 0, session.currency ?? 'usd');
  const step = needsPlace(sim, session)
    ? placeForm(session, shown)
    : `${savedForm(sim, session)}${paymentForm(sim, session, shown)}`;
  return document_(
    `Pay ${total}`,
    `<h1>${escaped(sim.merchantName)}</h1>
<section aria-label="Order">${orderTable(sim, session, lines)}${back(sim, session)}</section>
<section aria-label="Card">${step}</section>`,
    true,
  );
}

/** First where, then how much, then the card. */
function placeForm(session: Session, { problem, typed }: Shown): string {
  const wrong = problem?.field ?? null;
  return `${problemBox(problem?.text ?? null)}
<form method="post" action="/c/pay/${escaped(session.id)}" autocomplete="off">
<h2>Billing address</h2><p class="soft">Tax depends on where you are.</p>
<input type="hidden" name="step" value="address">
${addressFields(typed, wrong)}
${session.tax_id_collection?.enabled === true ? taxIdField(typed, wrong) : ''}
<button type="submit">Continue</button></form>`;
}

/** One button for each card kept with the customer and allowed to be shown again. */
function savedForm(sim: Sim, session: Session): string {
  const buttons = savedCards(sim, session).map(({ id, card }) => {
    const label = `Pay with ${card?.brand} – ${card?.last4}`;
    return `<button type="submit" name="saved" value="${escaped(id)}">${escaped(label)}</button>`;
  });
  if (buttons.length === 0) return '';
  return `<form method="post" action="/c/pay/${escaped(session.id)}">
<input type="hidden" name="shown_total" value="${session.amount_total ?? ''}">
<h2>Saved cards</h2>${buttons.join('')}</form><h2 class="apart">Another card</h2>`;
}

function paymentForm(sim: Sim, session: Session, { problem, typed }: Shown): string {
  const total = money(session.amount_total ?? 0, session.currency ?? 'usd');
  const keeps = draftOf(sim, session.id).intent.setupFutureUsage === 'off_session';
  return cardForm({
    action: `/c/pay/${escaped(session.id)}`,
    button: `Pay ${total}`,
    problem,
    typed,
    asksEmail: !session.customer_details?.email,
    asksTaxId: session.tax_id_collection?.enabled === true,
    note: `<input type="hidden" name="shown_total" value="${session.amount_total ?? ''}">${
      keeps ? allowance('paying', sim) : ''
    }`,
  });
}

/** What whoever lets a card be kept is told. */
const allowance = (deed: 'saving it' | 'paying', sim: Sim): string =>
  `<p class="soft">By ${deed} you allow ${escaped(sim.merchantName)} to charge this card for future
payments in accordance with their terms.</p>`;

function setupBody(sim: Sim, session: Session, { problem, typed }: Shown): string {
  const merchant = escaped(sim.merchantName);
  const form = cardForm({
    action: `/c/setup/${escaped(session.id)}`,
    button: 'Save card',
    problem,
    typed,
    asksEmail: !session.customer_details?.email,
    asksTaxId: false,
    note: allowance('saving it', sim),
  });
  return document_(
    'Save a card',
    `<h1>Save a card with ${merchant}</h1><section aria-label="Card">${form}</section>
${back(sim, session)}`,
  );
}

function back(sim: Sim, { cancel_url: url }: Session): string {
  if (url === null) return '';
  return `<p><a href="${escaped(url)}">Cancel and go back to ${escaped(sim.merchantName)}</a></p>`;
}

function orderTable(sim: Sim, session: Session, lines: StoredLine[]): string {
  const currency = session.currency ?? 'usd';
  const rows = lines.map((line) => {
    const each = money(line.amount_subtotal, line.currency);
    const count = line.quantity === 1 ? '' : ` <small>× ${line.quantity}</small>`;
    return `<tr><td>${escaped(line.description ?? '')}${count}</td><td>${each}</td></tr>`;
  });
  const tax = session.total_details?.amount_tax ?? 0;
  const shownTax = needsPlace(sim, session) ? 'after your address' : money(tax, currency);
  return `<table><tbody>${rows.join('')}
<tr class="total"><td class="soft">Subtotal</td>
<td>${money(session.amount_subtotal ?? 0, currency)}</td></tr>
<tr><td class="soft">Tax</td><td>${shownTax}</td></tr>
<tr class="total"><th scope="row">Total</th>
<th>${money(session.amount_total ?? 0, currency)}</th></tr></tbody></table>`;
}

function closed(session: Session): PageAnswer {
  if (session.status === 'complete') {
    const link = { href: successUrl(session), text: 'Continue' };
    if (session.mode === 'setup') {
      return notice(409, 'Already saved', 'This card is saved. You can close this page.', link);
    }
    return notice(409, 'Already paid', 'This payment is complete. Nothing more was charged.', link);
  }
  const link =
    session.cancel_url === null ? undefined : { href: session.cancel_url, text: 'Go back' };
  return notice(410, 'Expired', 'This page has expired. You were not charged.', link);
}

function successUrl(session: Session): string {
  return (session.success_url ?? '/').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

export function targetsOf(session: Session): string[] {
  const url = session.success_url ?? '';
  return URL.canParse(url) ? [new URL(url).origin] : [];
}
