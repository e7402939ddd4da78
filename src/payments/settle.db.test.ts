import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { followHint } from '#payments/hint';
import { viewPurchase } from '#payments/purchase-view';
import { type Purchase, readPurchase, refreshPurchase } from '#payments/purchases';
import { settlePayment } from '#payments/settle';
import { pollDuePurchases, sweepEvents } from '#payments/sweep';
import { NO_FUNDS, type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;

async function reread(purchase: Purchase): Promise<Purchase> {
  const found = await readPurchase(world.deps.pool, purchase.id);
  if (found === undefined) throw new Error('purchase vanished');
  return found;
}

function stripe(): Stripe {
  const url = new URL(world.simUrl);
  return new Stripe(world.secretKey, {
    host: url.hostname,
    port: url.port,
    protocol: 'http',
    telemetry: false,
  });
}

/** The id of the payment made on the purchase's page. */
async function paymentOf(purchase: Purchase): Promise<string> {
  const session = await stripe().checkout.sessions.retrieve(purchase.sessionId ?? '');
  const intent = session.payment_intent;
  return typeof intent === 'string' ? intent : (intent?.id ?? '');
}

async function paid(amount = '5'): Promise<{ org: OrganizationId; purchase: Purchase }> {
  const org = await world.organization();
  const purchase = await world.begin(org, amount);
  await world.pay(purchase);
  return { org, purchase };
}

const own = (text: string, values: readonly unknown[]) =>
  world.db.ownerPool.query({ text, values });

describe('a payment becomes credit', () => {
  it('by the sweep alone, with every webhook lost and nobody on the return page (F50)', async () => {
    const { org, purchase } = await paid('25');
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('25'));
    const credited = await reread(purchase);
    expect(credited).toMatchObject({ state: 'credited', redirectUrl: null });
    const view = await viewPurchase(world.deps.pool, credited);
    expect(view.grant_id).toMatch(/^grant_/);
    expect(view.timeline.at(-1)).toMatchObject({
      state: 'credited',
      detail: 'Payment received. The credits are ready to use.',
    });
  });

  it('by its own polling when the event list does not show it', async () => {
    const { org, purchase } = await paid();
    await pollDuePurchases(world.deps);
    expect((await reread(purchase)).state).toBe('awaiting_customer');
    await own(`UPDATE payments.purchases SET next_poll_at = now() WHERE id = $1`, [purchase.id]);
    await Promise.all(Array.from({ length: 4 }, () => pollDuePurchases(world.deps)));
    expect(await reread(purchase)).toMatchObject({ state: 'credited' });
    const [row] = await own(
      `SELECT polls, next_poll_at, settled_via FROM payments.purchases WHERE id = $1`,
      [purchase.id],
    );
    expect(row).toEqual({ polls: 1, next_poll_at: null, settled_via: 'poller' });
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('once, told a hundred times at once by two nodes (F51, T5)', async () => {
    const { org, purchase } = await paid();
    const payment = await paymentOf(purchase);
    const second = openPool({ url: world.db.url, name: 'second node', max: 10 });
    const nodes = [world.deps, { ...world.deps, pool: second }];
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        settlePayment(nodes[at % 2] ?? world.deps, payment, 'webhook'),
      ),
    );
    await second.close();
    const credited = outcomes.filter((settled) => settled.outcome === 'credited');
    const already = outcomes.filter((settled) => settled.outcome === 'already_credited');
    expect([credited.length, already.length]).toEqual([1, 99]);
    expect(await world.grants(org)).toBe(1);
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('once, whichever of the events of payment and page comes first (F53, S05)', async () => {
    for (const order of [
      ['payment_intent.succeeded', 'checkout.session.completed'],
      ['checkout.session.completed', 'payment_intent.succeeded'],
    ]) {
      const { org, purchase } = await paid();
      const payment = await paymentOf(purchase);
      const outcomes: string[] = [];
      for (const type of order) {
        const objectId = type.startsWith('payment') ? payment : (purchase.sessionId ?? '');
        const hint = { type, objectId, paymentIntentId: payment };
        outcomes.push(await followHint(world.deps, hint, 'webhook'));
      }
      expect(outcomes).toEqual(['credited', 'already_credited']);
      expect(await world.grants(org)).toBe(1);
    }
  });

  it('after a crash between payment and grant, at the first sweep of the next process (F12)', async () => {
    const { org, purchase } = await paid();
    // The process died while it was still opening the page: it never learned the page's id.
    await own(
      `UPDATE payments.purchases SET state = 'opening', session_id = NULL, redirect_url = NULL
        WHERE id = $1`,
      [purchase.id],
    );
    await sweepEvents(world.deps);
    expect(await reread(purchase)).toMatchObject({ state: 'credited' });
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('late, when it arrives after the purchase was closed, and says so', async () => {
    const { org, purchase } = await paid();
    await own(`UPDATE payments.purchases SET state = 'expired' WHERE id = $1`, [purchase.id]);
    // Nothing is open, so the sweep's turn comes once a minute: it is a minute later.
    await own(`UPDATE payments.event_cursor SET swept_at = NULL`, []);
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('5'));
    const view = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(view.timeline.at(-1)?.detail).toContain('after this purchase was closed');
  });

  it('of the credit line, not of the total with tax (F65)', async () => {
    await world.settings({ tax_rate_percent: '8' });
    const org = await world.organization();
    const taxed = { ...world.deps, automaticTax: true };
    const purchase = await world.begin(org, '25', taxed);
    await world.pay(purchase);
    await refreshPurchase(taxed, purchase.id);
    await world.settings({ tax_rate_percent: '0' });
    expect(await world.available(org)).toBe(usd('25'));
    const view = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(view).toMatchObject({ amount_usd: '25', tax_usd: '2', total_usd: '27' });
  });

  it('for the largest purchase to the cent', async () => {
    const { org } = await paid('9999.99');
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('9999.99'));
  });
});

describe('a payment that does not fit', () => {
  it('in its amount is quarantined, grants nothing and rings once (S29)', async () => {
    const { org, purchase } = await paid();
    await own(`UPDATE payments.purchases SET credit_nanos = 500000000000 WHERE id = $1`, [
      purchase.id,
    ]);
    const payment = await paymentOf(purchase);
    for (let time = 0; time < 3; time++) {
      expect(await settlePayment(world.deps, payment, 'webhook')).toEqual({
        outcome: 'quarantined',
      });
    }
    expect(await world.grants(org)).toBe(0);
    expect((await reread(purchase)).state).toBe('quarantined');
    const alarms = world.log.filter(
      (line) => line.level === 'error' && line.fields.payment === payment,
    );
    expect(alarms).toHaveLength(1);
    expect(alarms[0]?.fields.mismatches).toEqual(['total']);
  });

  it('because it is for another purpose is left alone, on the same customer too (S38)', async () => {
    const { org, purchase } = await paid();
    await sweepEvents(world.deps);
    const api = stripe();
    const session = await api.checkout.sessions.retrieve(purchase.sessionId ?? '');
    const foreign = await api.paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      customer: String(session.customer),
      payment_method: 'pm_card_visa',
      confirm: true,
      off_session: true,
      metadata: { purpose: 'subscription', purchase_id: purchase.id },
    });
    expect(foreign.status).toBe('succeeded');
    expect(await settlePayment(world.deps, foreign.id, 'webhook')).toEqual({ outcome: 'ignored' });
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('any purchase of ours is quarantined for an operator, never dropped (F66)', async () => {
    const payment = await stripe().paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
      off_session: true,
      metadata: { purpose: 'credit_topup', purchase_id: 'pur_unknown', env: 'test' },
    });
    expect(await settlePayment(world.deps, payment.id, 'webhook')).toEqual({
      outcome: 'quarantined',
    });
    const [row] = await own(
      `SELECT mismatches, received_minor_units FROM payments.quarantined_payments
        WHERE payment_intent_id = $1`,
      [payment.id],
    );
    expect(row).toEqual({ mismatches: ['purchase'], received_minor_units: 2000n });
  });

  it('this deployment, only another one on the same account, is not ours to judge', async () => {
    const payment = await stripe().paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
      off_session: true,
      metadata: { purpose: 'credit_topup', purchase_id: 'pur_theirs', env: 'staging' },
    });
    expect(await settlePayment(world.deps, payment.id, 'webhook')).toEqual({ outcome: 'ignored' });
  });

  it('a credited purchase a second time never adds credit nor takes it away', async () => {
    const { org, purchase } = await paid();
    await sweepEvents(world.deps);
    const session = await stripe().checkout.sessions.retrieve(purchase.sessionId ?? '');
    const second = await stripe().paymentIntents.create({
      amount: 500,
      currency: 'usd',
      customer: String(session.customer),
      payment_method: 'pm_card_visa',
      confirm: true,
      off_session: true,
      metadata: { purpose: 'credit_topup', purchase_id: purchase.id, env: 'test' },
    });
    expect(await settlePayment(world.deps, second.id, 'webhook')).toEqual({
      outcome: 'quarantined',
    });
    expect((await reread(purchase)).state).toBe('credited');
    expect(await world.available(org)).toBe(usd('5'));
  });
});

describe('a declined payment', () => {
  it('names the total the card must cover, and the same page may still succeed (9995)', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '25');
    await world.pay(purchase, NO_FUNDS);
    await sweepEvents(world.deps);
    const declined = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(declined.state).toBe('declined');
    expect(declined.failure).toMatchObject({
      code: 'insufficient_funds',
      class: 'FUND',
      charged: false,
      reference: purchase.id,
    });
    expect(declined.failure?.message).toContain('$25.00');
    expect(declined.redirect_url).toMatch(/^http/);
    expect(await world.available(org)).toBe(ZERO);

    const steps = declined.timeline.length;
    await refreshPurchase(world.deps, purchase.id);
    const again = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(again.timeline).toHaveLength(steps);

    await world.pay(purchase, VISA);
    await refreshPurchase(world.deps, purchase.id);
    const credited = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(credited).toMatchObject({ state: 'credited', failure: null });
    expect(await world.available(org)).toBe(usd('25'));
  });

  it('is told once, however many see it at the same moment', async () => {
    const purchase = await world.begin(await world.organization(), '5');
    await world.pay(purchase, NO_FUNDS);
    await Promise.all(Array.from({ length: 8 }, () => refreshPurchase(world.deps, purchase.id)));
    const { timeline } = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(timeline.filter((row) => row.state === 'declined')).toHaveLength(1);
  });

  it('for want of funds names the tax in the total as well', async () => {
    await world.settings({ tax_rate_percent: '8' });
    const taxed = { ...world.deps, automaticTax: true };
    const purchase = await world.begin(await world.organization(), '25', taxed);
    await world.pay(purchase, NO_FUNDS);
    await refreshPurchase(taxed, purchase.id);
    await world.settings({ tax_rate_percent: '0' });
    const { failure, total } = await reread(purchase);
    expect(total).toBe(usd('27'));
    expect(failure?.message).toContain('$27.00');
    expect(failure?.next_step).toContain('$27.00');
  });

  it('by our own checks is not blamed on the bank', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    await world.pay(purchase, '4100000000000019');
    await refreshPurchase(world.deps, purchase.id);
    const { failure } = await reread(purchase);
    expect(failure).toMatchObject({ class: 'US' });
    expect(failure?.next_step).not.toMatch(/bank/i);
  });

  it('for want of verification asks for verification (S22, S35)', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    await world.pay(purchase, '4000000000003220', 'fail');
    await refreshPurchase(world.deps, purchase.id);
    expect((await reread(purchase)).failure).toMatchObject({ class: 'AUTH' });
    await world.pay(purchase, VISA);
    await refreshPurchase(world.deps, purchase.id);
    expect((await reread(purchase)).state).toBe('credited');
  });
});

describe('a page', () => {
  it('that expired ends its purchase, with nobody charged', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    await stripe().checkout.sessions.expire(purchase.sessionId ?? '');
    await sweepEvents(world.deps);
    const view = await viewPurchase(world.deps.pool, await reread(purchase));
    expect(view).toMatchObject({ state: 'expired', redirect_url: null });
    expect(view.timeline.at(-1)?.detail).toContain('not charged');
  });
});

describe('the sweep', () => {
  it('is harmless when many processes do it at once', async () => {
    const bought = [await paid(), await paid(), await paid()];
    await Promise.all(Array.from({ length: 8 }, () => sweepEvents(world.deps)));
    await sweepEvents(world.deps);
    for (const { org } of bought) {
      expect(await world.grants(org)).toBe(1);
      expect(await world.available(org)).toBe(usd('5'));
    }
  });

  it('begins again where the processor has forgotten its position', async () => {
    const { org } = await paid();
    await own(`UPDATE payments.event_cursor SET last_event_id = 'evt_forgotten'`, []);
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('keeps its position while the processor is down, and credits when it is back (F68)', async () => {
    const { org } = await paid();
    await world.faults({ api: 'down' });
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(ZERO);
    await world.faults({ api: 'normal' });
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('does not pass over an event whose payment could not be read', async () => {
    const { org } = await paid();
    const halfBlind = {
      ...world.deps.processor,
      retrievePayment: async () => ({ outcome: 'unavailable' as const, detail: 'timed out' }),
      retrieveCheckout: async () => ({ outcome: 'unavailable' as const, detail: 'timed out' }),
    };
    await sweepEvents({ ...world.deps, processor: halfBlind });
    expect(await world.available(org)).toBe(ZERO);
    await sweepEvents(world.deps);
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('leaves a ledger that balances', async () => {
    expect(await verifyLedger(world.deps.pool)).toMatchObject({ ok: true });
  });
});
