import type Stripe from 'stripe';
import { customerNamed } from './customer-object.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { idOf, idText } from './ids.ts';
import { readLines, refuseAmount, type StoredLine, totalsOf } from './line-items.ts';
import { page, plainPage } from './list.ts';
import { LIST_NAMES, PAGE_NAMES, type Params } from './params.ts';
import { SESSION_NAMES, sessionChoices } from './session-choices.ts';
import type { Collected } from './session-tax.ts';
import { newSetup } from './setup-intents.ts';
import { type Call, type Cause, NO_REQUEST, type Route, type Sim } from './sim.ts';
import { decideTax, type TaxedParty } from './tax.ts';
import { taxIdsOf } from './tax-ids.ts';

type Session = Stripe.Checkout.Session;

/** What a session needs later and does not show: its lines and the intent it will make. */
export interface SessionDraft {
  id: string;
  lines: StoredLine[];
  intent: {
    description: string | null;
    metadata: Record<string, string>;
    receiptEmail: string | null;
    setupFutureUsage: Stripe.PaymentIntent.SetupFutureUsage | null;
    suffix: string | null;
  };
  updates: { address: boolean; name: boolean };
  /** Said on the page before the card was entered. */
  collected?: Collected;
}

const HALF_HOUR = 30 * 60;
const DAY = 24 * 3600;
/** Requests take time, and clocks differ a little. */
const SLACK = 60;

export function sessionNamed(sim: Sim, id: string): Session {
  expireDue(sim);
  const session = sim.store.checkout_sessions.get(id);
  if (session === undefined) throw missing('checkout.session', id);
  return session;
}

export function draftOf(sim: Sim, id: string): SessionDraft {
  const draft = sim.store.session_drafts.get(id);
  if (draft === undefined) throw missing('checkout.session', id);
  return draft;
}

function create(call: Call): Session {
  const { sim, params } = call;
  const mode = params.oneOf('mode', ['payment', 'setup', 'subscription']) ?? 'payment';
  if (mode === 'subscription') throw invalid('The simulator knows no subscriptions.', 'mode');
  const successUrl = params.required('success_url');
  const customerId = params.text('customer');
  const customer = customerId === undefined ? null : customerNamed(sim, customerId, 'customer');
  const base = {
    ...sessionChoices(params),
    id: `cs_test_${idText(sim, 'cs', 58)}`,
    created: sim.now(),
    customer: customer?.id ?? null,
    customer_details: knownDetails(params, customer),
    expires_at: expiry(sim, params),
    success_url: successUrl,
  };
  return mode === 'setup' ? toSave(call, base) : toPay(call, base, customer);
}

function toPay(call: Call, base: Session, customer: Stripe.Customer | null): Session {
  const { sim, params } = call;
  const taxed = params.flag('automatic_tax.enabled') === true;
  if (taxed) refuseUnlocatable(params, customer);
  const decided = taxed ? decideTax(sim, partyOf(sim, customer)) : null;
  const percent = decided?.kind === 'taxed' ? decided.percent : null;
  const lines = readLines(sim, params, percent);
  const totals = totalsOf(lines);
  refuseAmount(totals.total, totals.currency, 'line_items');
  keepDraft(call, base.id, lines);
  return sim.store.checkout_sessions.put({
    ...base,
    amount_subtotal: totals.subtotal,
    amount_total: totals.total,
    automatic_tax: automaticTax(taxed, customer, decided?.kind === 'unlocated'),
    currency: totals.currency,
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: totals.tax },
    url: `${sim.baseUrl()}/c/pay/${base.id}`,
  });
}

/** A session that only saves a card for later. */
function toSave(call: Call, base: Session): Session {
  const { sim, params } = call;
  if (params.given('line_items')) {
    throw invalid('You can not pass `line_items` in `setup` mode.', 'line_items');
  }
  keepDraft(call, base.id, []);
  const intent = newSetup(sim, call.cause, {
    customer: idOf(base.customer),
    description: params.textOrNull('setup_intent_data.description'),
    metadata: params.metadata('setup_intent_data.metadata'),
    usage: 'off_session',
    credentialUsage: null,
  });
  return sim.store.checkout_sessions.put({
    ...base,
    currency: params.given('currency') ? params.currency('currency') : null,
    mode: 'setup',
    payment_status: 'no_payment_required',
    setup_intent: intent.id,
    url: `${sim.baseUrl()}/c/setup/${base.id}`,
  });
}

function keepDraft({ sim, params }: Call, id: string, lines: StoredLine[]): void {
  sim.store.session_drafts.put({
    id,
    lines,
    intent: intentChoices(params),
    updates: {
      address: params.text('customer_update.address') === 'auto',
      name: params.text('customer_update.name') === 'auto',
    },
  });
}

/** The customer as the tax rules see it. */
export function partyOf(sim: Sim, customer: Stripe.Customer | null): TaxedParty {
  return {
    address: customer?.address ?? null,
    taxIds: customer === null ? [] : taxIdsOf(sim, customer.id),
    exempt: customer?.tax_exempt ?? 'none',
  };
}

function intentChoices(params: Params): SessionDraft['intent'] {
  const at = (name: string) => `payment_intent_data.${name}`;
  const usage = params.oneOf(at('setup_future_usage'), ['off_session', 'on_session']);
  return {
    description: params.textOrNull(at('description')),
    metadata: params.metadata(at('metadata')),
    receiptEmail: params.textOrNull(at('receipt_email')),
    setupFutureUsage: usage ?? null,
    suffix: params.textOrNull(at('statement_descriptor_suffix')),
  };
}

/** Stripe will not compute tax for a customer whose place it has no way to learn. */
function refuseUnlocatable(params: Params, customer: Stripe.Customer | null): void {
  if (customer === null || customer.address?.country) return;
  if (params.text('customer_update.address') === 'auto') return;
  throw invalid(
    'Automatic tax calculation in Checkout requires a valid address on the Customer. ' +
      'Add one, or set customer_update[address] to auto.',
    'automatic_tax',
    'customer_tax_location_invalid',
  );
}

function automaticTax(
  taxed: boolean,
  customer: Stripe.Customer | null,
  unlocated: boolean,
): Stripe.Checkout.Session.AutomaticTax {
  if (!taxed) return { enabled: false, liability: null, provider: null, status: null };
  const located = customer?.address?.country && !unlocated;
  return {
    enabled: true,
    liability: { type: 'self' },
    provider: 'stripe',
    status: located ? 'complete' : 'requires_location_inputs',
  };
}

function knownDetails(
  params: Params,
  customer: Stripe.Customer | null,
): Stripe.Checkout.Session.CustomerDetails | null {
  const email = customer?.email ?? params.textOrNull('customer_email');
  if (customer === null && email === null) return null;
  return {
    address: null,
    business_name: null,
    email,
    individual_name: null,
    name: customer?.name ?? null,
    phone: null,
    tax_exempt: 'none',
    tax_ids: null,
  };
}

function expiry(sim: Sim, params: Params): number {
  const asked = params.integer('expires_at');
  if (asked === undefined) return endsAt(sim, sim.now() + DAY);
  const ahead = asked - sim.now();
  if (ahead < HALF_HOUR - SLACK || ahead > DAY + SLACK) {
    throw invalid(
      'The `expires_at` timestamp must be between 30 minutes and 24 hours from now.',
      'expires_at',
    );
  }
  return endsAt(sim, asked);
}

function endsAt(sim: Sim, at: number): number {
  const next = nextEnd.get(sim);
  if (next !== undefined) nextEnd.set(sim, Math.min(next, at));
  return at;
}

/** When the next open session ends, so that most calls need not look at all of them. */
const nextEnd = new WeakMap<Sim, number>();

/** Ends every open session whose time is over; called on reads and by a timer. */
export function expireDue(sim: Sim): void {
  const now = sim.now();
  if (now < (nextEnd.get(sim) ?? 0)) return;
  let next = Number.POSITIVE_INFINITY;
  for (const session of sim.store.checkout_sessions.oldestFirst()) {
    if (session.status !== 'open') continue;
    if (session.expires_at <= now) expire(sim, NO_REQUEST, session);
    else next = Math.min(next, session.expires_at);
  }
  nextEnd.set(sim, next);
}

function expire(sim: Sim, cause: Cause, before: Session): Session {
  const session = sim.store.checkout_sessions.put({ ...before, status: 'expired', url: null });
  const intent = sim.store.payment_intents.get(idOf(before.payment_intent) ?? '');
  if (intent !== undefined && intent.status !== 'succeeded') {
    const canceled = sim.store.payment_intents.put({
      ...intent,
      canceled_at: sim.now(),
      cancellation_reason: 'automatic',
      next_action: null,
      status: 'canceled',
    });
    emit(sim, cause, 'payment_intent.canceled', canceled);
  }
  const saving = sim.store.setup_intents.get(idOf(before.setup_intent) ?? '');
  if (saving !== undefined && saving.status !== 'succeeded') {
    const canceled = { ...saving, next_action: null, status: 'canceled' as const };
    emit(sim, cause, 'setup_intent.canceled', sim.store.setup_intents.put(canceled));
  }
  emit(sim, cause, 'checkout.session.expired', session);
  return session;
}

function expireNow(call: Call): Session {
  const session = sessionNamed(call.sim, call.id);
  if (session.status === 'open') return expire(call.sim, call.cause, session);
  throw invalid(
    `Only Checkout Sessions with a status in ["open"] can be expired. ` +
      `This Checkout Session has a status of ${session.status}.`,
  );
}

function list(call: Call): object {
  expireDue(call.sim);
  const customer = call.params.text('customer');
  const intent = call.params.text('payment_intent');
  const status = call.params.oneOf('status', ['open', 'complete', 'expired']);
  const rows = call.sim.store.checkout_sessions
    .newestFirst()
    .filter((row) => customer === undefined || row.customer === customer)
    .filter((row) => intent === undefined || row.payment_intent === intent)
    .filter((row) => status === undefined || row.status === status);
  return page(call, '/v1/checkout/sessions', rows);
}

export const checkoutSessionRoutes: Route[] = [
  { method: 'POST', path: '/v1/checkout/sessions', names: SESSION_NAMES, run: create },
  {
    method: 'GET',
    path: '/v1/checkout/sessions',
    names: [...LIST_NAMES, 'customer', 'payment_intent', 'status'],
    run: list,
  },
  {
    method: 'GET',
    path: '/v1/checkout/sessions/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => sessionNamed(sim, id),
  },
  {
    method: 'GET',
    path: '/v1/checkout/sessions/:id/line_items',
    names: PAGE_NAMES,
    run: (call) =>
      plainPage(
        call,
        `/v1/checkout/sessions/${call.id}/line_items`,
        draftOf(call.sim, call.id).lines,
      ),
  },
  {
    method: 'POST',
    path: '/v1/checkout/sessions/:id/expire',
    names: ['expand.#'],
    run: expireNow,
  },
];
