import type { Db } from '#db/pool';
import { newId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import { forgetSoftRefusals } from '#payments/auto-reload-sql';
import type { PaymentsDeps } from '#payments/deps';
import { wantInvoice } from '#payments/documents';
import { type Fact, mismatches } from '#payments/facts';
import { observe } from '#payments/observe';
import { findCustomer } from '#payments/opening';
import { type Checkout, type Payment, PURPOSE, type Read } from '#payments/processor';
import { wantCardKept } from '#payments/purchase-cards';
import { quarantine } from '#payments/quarantine';
import * as sql from '#payments/sql';
import { tellCredited } from '#payments/telling';
import { advance } from '#payments/transition';

export type SettledVia =
  | 'return_page'
  | 'poller'
  | 'webhook'
  | 'event_sweep'
  | 'auto_reload'
  | 'reconciliation';

export type Settlement =
  | { readonly outcome: 'credited' }
  | { readonly outcome: 'already_credited' }
  | { readonly outcome: 'not_succeeded' }
  | { readonly outcome: 'ignored' }
  | { readonly outcome: 'quarantined' }
  | { readonly outcome: 'processor_unavailable' };

/**
 * The one door to paid credit. Reads the payment again from the processor, checks the eight facts
 * and grants once, whoever calls it and however often.
 */
export async function settlePayment(
  deps: PaymentsDeps,
  paymentIntentId: string,
  via: SettledVia,
): Promise<Settlement> {
  const answer = await deps.processor.retrievePayment(paymentIntentId);
  if (answer.outcome === 'unavailable') return { outcome: 'processor_unavailable' };
  if (answer.outcome === 'missing') return { outcome: 'ignored' };
  const { payment } = answer;
  if (payment.purpose !== PURPOSE) return { outcome: 'ignored' };

  const purchase = await findSold(deps, payment);
  if (purchase === undefined) {
    // Two deployments may share an account: what the other one sold is not ours to judge.
    if (payment.environment !== deps.environment) return { outcome: 'ignored' };
    if (payment.status !== 'succeeded') return { outcome: 'not_succeeded' };
    return quarantine(deps, payment, undefined, ['purchase']);
  }
  return settleSold(deps, purchase, payment, undefined, via);
}

/**
 * The same for a page that was read from the processor just now, its payment with it: what it says
 * need not be asked for again. A payment whose tags name another purchase is judged by its tags.
 */
export async function settlePage(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  checkout: Checkout,
  via: SettledVia,
): Promise<Settlement> {
  const { payment } = checkout;
  if (payment === null) return { outcome: 'not_succeeded' };
  const ours =
    payment.purpose === PURPOSE &&
    payment.purchaseId === purchase.id &&
    payment.organizationId === purchase.organizationId;
  if (!ours) return settlePayment(deps, payment.id, via);
  return settleSold(deps, purchase, payment, checkout, via);
}

async function settleSold(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  payment: Payment,
  read: Checkout | undefined,
  via: SettledVia,
): Promise<Settlement> {
  // Before anything can go wrong: from now on an operator would be told that it is no credit yet.
  const waited = payment.status === 'succeeded' && (await markSeenPaid(deps, purchase));
  const page =
    read === undefined
      ? await readPage(deps, purchase, payment)
      : ({ outcome: 'found', checkout: read } as const);
  if (page.outcome === 'unavailable') return { outcome: 'processor_unavailable' };
  const checkout = page.outcome === 'found' ? page.checkout : null;
  if (payment.status !== 'succeeded') {
    if (checkout !== null && payment.id === checkout.paymentIntentId) {
      await observe(deps, purchase, { ...checkout, payment });
    }
    return { outcome: 'not_succeeded' };
  }
  // The page learns of its payment a moment after the payment itself; one that never does has
  // another payment, or none.
  if (checkout !== null && checkout.paymentIntentId === null && !waited) {
    return { outcome: 'not_succeeded' };
  }
  return grantOnce(deps, purchase, payment, checkout, via);
}

/** Whether it was seen paid more than a minute ago and is no credit. */
async function markSeenPaid(deps: PaymentsDeps, purchase: sql.Purchase): Promise<boolean> {
  if (purchase.state === 'credited') return false;
  const [row] = await deps.pool.query<{ waited: boolean }>(sql.markSeenPaid(purchase));
  return row?.waited === true;
}

async function findSold(deps: PaymentsDeps, payment: Payment): Promise<sql.Purchase | undefined> {
  const statement =
    payment.purchaseId === null
      ? sql.findByProcessorIds(null, payment.id)
      : sql.findPurchase(payment.purchaseId, payment.organizationId);
  const [purchase] = await deps.pool.query<sql.Purchase>(statement);
  return purchase;
}

function readPage(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  payment: Payment,
): Promise<Read<{ checkout: Checkout }>> {
  // A saved card is charged without a page.
  if (purchase.trigger === 'auto_reload') return Promise.resolve({ outcome: 'missing' });
  // A crash after the page was made leaves us without its id; the payment knows it.
  return purchase.sessionId === null
    ? deps.processor.findCheckout(payment.id)
    : deps.processor.retrieveCheckout(purchase.sessionId);
}

/** Expiry counts from the payment's success, however late we hear of it (money rule 3). */
async function paidAt(tx: Db, payment: Payment): Promise<Date | undefined> {
  if (payment.chargedAt === null) return undefined;
  const [row] = await tx.query<{ at: Date }>(sql.businessTimeOf(payment.chargedAt));
  return row?.at;
}

async function grantOnce(
  deps: PaymentsDeps,
  found: sql.Purchase,
  payment: Payment,
  checkout: Checkout | null,
  via: SettledVia,
): Promise<Settlement> {
  const here = {
    livemode: deps.processor.livemode,
    provider: deps.processor.name,
    environment: deps.environment,
  };
  const customerId = await findCustomer(deps, found.organizationId);
  const grantId = newId('grant', deps.entropy);
  const decided = await deps.pool.transaction(async (tx): Promise<Settlement | readonly Fact[]> => {
    const [purchase] = await tx.query<sql.Purchase>(
      sql.lockPurchase(found.organizationId, found.id),
    );
    if (purchase === undefined) return ['payment'];
    // What became credit stays it, whatever has changed since: it is no payment for an operator.
    if (purchase.state === 'credited' && purchase.paymentIntentId === payment.id) {
      return { outcome: 'already_credited' };
    }
    const wrong = mismatches(here, { ...purchase, customerId }, payment, checkout);
    if (wrong.length > 0 || payment.received === undefined) return wrong;
    if (purchase.state === 'credited') return { outcome: 'already_credited' };
    // An operator decides about it; a later look must not.
    if (purchase.state === 'quarantined') return { outcome: 'quarantined' };
    const tax = nanos(payment.received - purchase.credit);
    const happenedAt = await paidAt(tx, payment);
    const grant = await issueGrant(tx, {
      organizationId: purchase.organizationId,
      grantId,
      kind: 'purchase',
      amount: purchase.credit,
      tax,
      source: payment.id,
      reference: purchase.id,
      ...(happenedAt === undefined ? {} : { happenedAt }),
    });
    await advance(tx, purchase, 'payment_succeeded', {
      paymentIntentId: payment.id,
      chargeId: payment.chargeId,
      chargedAt: payment.chargedAt ?? deps.clock.now(),
      receiptUrl: payment.receiptUrl,
      grantId: grant.grantId,
      settledVia: via,
      tax,
      redirectUrl: null,
      failure: null,
      ...(checkout === null ? {} : { sessionId: checkout.id }),
    });
    await wantCardKept(tx, purchase);
    await wantInvoice(tx, purchase);
    await tellCredited(deps, tx, purchase, { grant, tax, paidAt: happenedAt ?? deps.clock.now() });
    return { outcome: 'credited' };
  });
  if (!('outcome' in decided)) return quarantine(deps, payment, found, decided);
  if (decided.outcome === 'credited') {
    deps.log?.info({ purchase: found.id, payment: payment.id, via }, 'purchase credited');
    // Whoever learns of it: refusals count only while they follow one another.
    if (found.trigger === 'auto_reload') {
      await deps.pool.query(forgetSoftRefusals(found.organizationId));
    }
  }
  return decided;
}
