import type Stripe from 'stripe';
import { finishVerification, type PaymentResult, payWithCard } from './checkout-payment.ts';
import { draftOf, sessionNamed } from './checkout-sessions.ts';
import { money, noticePage, payPage, verificationPage } from './pay-page-html.ts';
import type { Sim } from './sim.ts';

export interface PageAnswer {
  status: number;
  html?: string;
  location?: string;
  /** Origins a form on this page may be redirected to. */
  formTargets: string[];
}

/** Answers the pages a person sees; undefined if the path is none of them. */
export function pages(
  sim: Sim,
  method: string,
  path: string,
  body: string,
): PageAnswer | undefined {
  const [, area, kind, id] = path.split('/');
  if (area === 'c' && kind === 'pay' && id !== undefined) {
    if (!sim.store.checkout_sessions.get(id)) return notice(404, 'Nothing to pay', 'No such page.');
    return method === 'POST' ? submit(sim, id, new URLSearchParams(body)) : show(sim, id);
  }
  if (area === '3ds' && kind !== undefined) {
    return verification(sim, method, kind, new URLSearchParams(body));
  }
  if (area === 'receipts' && kind !== undefined) return receipt(sim, kind);
  return undefined;
}

function show(sim: Sim, id: string, problem: string | null = null, typed = {}): PageAnswer {
  const session = sessionNamed(sim, id);
  if (session.status !== 'open') return closed(session);
  const { lines } = draftOf(sim, id);
  const { merchantName } = sim;
  const details = { name: session.customer_details?.name ?? '', country: 'US', ...typed };
  return {
    status: problem === null ? 200 : 402,
    html: payPage({ session, lines, merchantName, problem, typed: details }),
    formTargets: targetsOf(session),
  };
}

function submit(sim: Sim, id: string, form: URLSearchParams): PageAnswer {
  const text = (name: string) => (form.get(name) ?? '').trim();
  const [month = '', year = ''] = expiryParts(text('expiry'));
  const result = payWithCard(
    sim,
    id,
    { number: text('number'), expMonth: month, expYear: year, cvc: text('cvc') },
    {
      name: text('name') || null,
      email: text('email') || null,
      country: text('country').toUpperCase() || null,
      postalCode: text('postal_code') || null,
    },
    'not_yet',
  );
  // The card itself is never written back into a page.
  const typed = Object.fromEntries(
    ['email', 'name', 'country', 'postal_code'].map((name) => [name, text(name)]),
  );
  return answerFor(sim, result, typed);
}

function answerFor(sim: Sim, result: PaymentResult, typed: Record<string, string>): PageAnswer {
  switch (result.kind) {
    case 'complete':
      return redirect(successUrl(result.session));
    case 'needs_verification':
      return redirect(result.url);
    case 'closed':
      return closed(result.session);
    case 'declined':
      return show(sim, result.session.id, result.error.message, typed);
    case 'refused':
      return show(sim, result.session.id, result.refusal.message, typed);
  }
}

function verification(
  sim: Sim,
  method: string,
  intentId: string,
  form: URLSearchParams,
): PageAnswer {
  const intent = sim.store.payment_intents.get(intentId);
  if (intent?.status !== 'requires_action') {
    return notice(404, 'Nothing to verify', 'This verification is over.');
  }
  if (method === 'POST') {
    const answer = form.get('answer') === 'pass' ? 'pass' : 'fail';
    const result = finishVerification(sim, intentId, answer);
    if (result === undefined) {
      return notice(409, 'Not a Checkout payment', 'Confirm this payment through the API.');
    }
    return answerFor(sim, result, {});
  }
  const session = sim.store.checkout_sessions
    .newestFirst()
    .find((row) => row.payment_intent === intentId);
  return {
    status: 200,
    html: verificationPage(intentId, money(intent.amount, intent.currency), sim.merchantName),
    formTargets: session === undefined ? [] : targetsOf(session),
  };
}

function receipt(sim: Sim, id: string): PageAnswer {
  const charge = sim.store.charges.get(id);
  if (charge === undefined || !charge.paid) return notice(404, 'No receipt', 'No such receipt.');
  const day = new Date(charge.created * 1000).toISOString().slice(0, 10);
  const card = charge.payment_method_details?.card;
  return notice(
    200,
    `Receipt from ${sim.merchantName}`,
    `${money(charge.amount, charge.currency)} paid on ${day} with ${card?.brand} ${card?.last4}.`,
  );
}

function closed(session: Stripe.Checkout.Session): PageAnswer {
  if (session.status === 'complete') {
    const link = { href: successUrl(session), text: 'Continue' };
    return notice(409, 'Already paid', 'This payment is complete. Nothing more was charged.', link);
  }
  const link =
    session.cancel_url === null ? undefined : { href: session.cancel_url, text: 'Go back' };
  return notice(410, 'Expired', 'This page has expired. You were not charged.', link);
}

function notice(
  status: number,
  title: string,
  sentence: string,
  link?: { href: string; text: string },
): PageAnswer {
  return { status, html: noticePage(title, sentence, link), formTargets: [] };
}

function redirect(location: string): PageAnswer {
  return { status: 303, location, formTargets: [] };
}

function successUrl(session: Stripe.Checkout.Session): string {
  return (session.success_url ?? '/').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

function targetsOf(session: Stripe.Checkout.Session): string[] {
  const url = session.success_url ?? '';
  return URL.canParse(url) ? [new URL(url).origin] : [];
}

function expiryParts(text: string): string[] {
  const digits = text.replaceAll(/\s/g, '');
  return digits.includes('/') ? digits.split('/', 2) : [digits.slice(0, 2), digits.slice(2)];
}
