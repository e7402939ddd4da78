import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { readPurchase } from '#payments/purchases';
import { unresolvedPayments } from '#payments/quarantine';
import { syncRefunds } from '#payments/refund-course';
import { DEFAULT_RELOAD, readReload, saveReloadSettings } from '#payments/reload-settings';
import { type Decision, decideRemedy, listMisdirected, readRemedy } from '#payments/remedies';
import { pursueDueRemedies, pursueRemedy } from '#payments/remedy-course';
import { shared } from '#payments/remedy-net';
import { settlePayment } from '#payments/settle';
import type { TellPort } from '#payments/telling';
import { commandLine } from '#test/command-line';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;

function stripe(): Stripe {
  const { hostname: host, port } = new URL(world.simUrl);
  return new Stripe(world.secretKey, { host, port, protocol: 'http', telemetry: false });
}

/** A payment of ours that names a purchase nobody knows (S38, F66). */
async function misdirected(currency = 'usd'): Promise<string> {
  const payment = await stripe().paymentIntents.create({
    ...{ amount: 2000, currency, payment_method: 'pm_card_visa', confirm: true },
    off_session: true,
    metadata: { purpose: 'credit_topup', purchase_id: 'pur_unknown', env: 'test' },
  });
  expect(await settlePayment(world.deps, payment.id, 'webhook')).toEqual({
    outcome: 'quarantined',
  });
  return payment.id;
}

/** A payment whose purchase asked for another amount (S29). */
async function ofWrongAmount(deps = world.deps) {
  const org = await world.organization();
  const purchase = await world.begin(org, '20', deps);
  const payment = String(Object(await world.pay(purchase)).payment_intent);
  await world.db.ownerPool.query({
    text: 'UPDATE payments.purchases SET credit_nanos = 500000000000 WHERE id = $1',
    values: [purchase.id],
  });
  await settlePayment(world.deps, payment, 'webhook');
  return { org, purchase, payment };
}

const decide = (decision: Omit<Decision, 'reason' | 'actor'>) =>
  world.deps.pool.transaction((tx) =>
    decideRemedy(tx, { ...decision, reason: 'they wrote to us', actor: 'operator' }),
  );
const available = async (org: Parameters<typeof readBalance>[1]) =>
  (await readBalance(world.deps.pool, org)).available;
const waits = async (payment: string) =>
  (await listMisdirected(world.deps.pool)).some((each) => each.paymentIntentId === payment);

/** Something happens after the payment was read, or its reading says something else by then. */
const reading = (meanwhile: () => Promise<unknown>, told?: { readonly outcome: 'missing' }) => ({
  ...world.deps,
  processor: {
    ...world.deps.processor,
    async retrievePayment(id: string) {
      const read = await world.deps.processor.retrievePayment(id);
      await meanwhile();
      return told ?? read;
    },
  },
});
const waiters = async () =>
  (
    await world.deps.pool.query({
      text: `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    })
  ).length;

describe('a payment that fits nothing', () => {
  it('is credited to whom the operator says, once, and stops ringing (S38)', async () => {
    const payment = await misdirected();
    const org = await world.organization();
    expect(await decide({ paymentIntentId: payment, kind: 'credit' })).toEqual({
      outcome: 'organization_missing',
    });
    const decision = { paymentIntentId: payment, kind: 'credit', organizationId: org } as const;
    expect(await decide(decision)).toMatchObject({ outcome: 'requested' });
    expect(await decide(decision)).toEqual({ outcome: 'already_decided', kind: 'credit' });
    await Promise.all(Array.from({ length: 4 }, () => pursueRemedy(world.deps, payment)));
    expect(await available(org)).toBe(usd('20'));
    expect(await world.grants(org)).toBe(1);
    expect([
      await waits(payment),
      (await unresolvedPayments(world.deps.pool)).includes(payment),
    ]).toEqual([false, false]);
    expect(await decide(decision)).toEqual({ outcome: 'unknown_payment' });
    // Told of it again, the one door still does not credit it.
    await settlePayment(world.deps, payment, 'webhook');
    expect(await available(org)).toBe(usd('20'));
  });

  it('becomes the purchase it was meant for, and can be refunded like any other', async () => {
    const { org, purchase, payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'credit' });
    await pursueRemedy(world.deps, payment);
    const credited = await readPurchase(world.deps.pool, purchase.id);
    expect(credited).toMatchObject({ state: 'credited', credit: usd('20'), tax: 0n });
    expect(await available(org)).toBe(usd('20'));
    await stripe().refunds.create({ payment_intent: payment, amount: 500 });
    await syncRefunds(world.deps, payment);
    expect(await available(org)).toBe(usd('15'));
  });

  it('with tax becomes the credit that was paid for; its tax is never credit (F65)', async () => {
    await world.settings({ tax_rate_percent: '10' });
    const taxed = { ...world.deps, automaticTax: true };
    const { org, purchase, payment } = await ofWrongAmount(taxed);
    await world.settings({ tax_rate_percent: '0' });
    await decide({ paymentIntentId: payment, kind: 'credit' });
    await pursueRemedy(taxed, payment);
    expect(await available(org)).toBe(usd('20'));
    expect(await readPurchase(world.deps.pool, purchase.id)).toMatchObject({
      ...{ state: 'credited', credit: usd('20'), tax: usd('2') },
    });
    // Refunded in full, all of the payment goes back and none of the credit stays.
    await stripe().refunds.create({ payment_intent: payment });
    await syncRefunds(world.deps, payment);
    expect(await available(org)).toBe(0n);
  });

  it('is told to whom it was credited, as any receipt: they have waited for it', async () => {
    const org = await world.organization();
    const payment = await misdirected();
    const told: unknown[] = [];
    const tell: TellPort = async (_tx, notice) => void told.push(notice);
    await decide({ paymentIntentId: payment, kind: 'credit', organizationId: org });
    for (let time = 0; time < 2; time++) await pursueRemedy({ ...world.deps, tell }, payment);
    const purchase = (await readRemedy(world.deps.pool, payment))?.purchaseId;
    expect(told).toMatchObject([
      { organizationId: org, kind: 'receipt', key: purchase, facts: { amount_usd: '20' } },
    ]);
  });

  it('of another deployment is left to it: ours would say that no payment exists', async () => {
    const { org, payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'credit' });
    const nothingThere = {
      ...{ ...world.deps, environment: 'other' },
      processor: {
        ...world.deps.processor,
        retrievePayment: async () => ({ outcome: 'missing' }) as const,
      },
    };
    await pursueRemedy(nothingThere, payment);
    await world.db.ownerPool.query({
      text: 'UPDATE payments.remedies SET next_look_at = bursar.real_now()',
    });
    await pursueDueRemedies(nothingThere);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'requested' });
    await pursueDueRemedies(world.deps);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'done' });
    expect(await available(org)).toBe(usd('20'));
  });

  it('is refunded in full, and grants nothing', async () => {
    const { org, payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'refund' });
    await pursueRemedy(world.deps, payment);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'done' });
    const refunds = await stripe().refunds.list({ payment_intent: payment });
    expect(refunds.data.map(({ amount }) => amount)).toEqual([2000]);
    expect([await available(org), await waits(payment)]).toEqual([0n, false]);
  });

  it('is refunded once though the answer is lost', async () => {
    const { payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'refund' });
    await world.faults({ api: 'error_500_after' });
    await pursueRemedy(world.deps, payment);
    await world.faults({});
    await pursueRemedy(world.deps, payment);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'done' });
    const refunds = await stripe().refunds.list({ payment_intent: payment });
    expect(refunds.data).toHaveLength(1);
  });

  it('that was refunded in the dashboard meanwhile is not credited as well', async () => {
    const { org, payment } = await ofWrongAmount();
    await stripe().refunds.create({ payment_intent: payment });
    await decide({ paymentIntentId: payment, kind: 'credit' });
    await pursueRemedy(world.deps, payment);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({
      ...{ state: 'failed', failureCode: 'refunded_meanwhile' },
    });
    expect(await available(org)).toBe(0n);
    // Decided anew: what is wanted is so already.
    await decide({ paymentIntentId: payment, kind: 'refund' });
    await pursueRemedy(world.deps, payment);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'done' });
  });

  it('is not credited by a job of a decision that has failed and been decided otherwise', async () => {
    const { org, payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'credit' });
    await pursueRemedy(
      reading(async () => {
        await world.db.ownerPool.query({
          text: `UPDATE payments.remedies SET state = 'failed' WHERE payment_intent_id = $1`,
          values: [payment],
        });
        await decide({ paymentIntentId: payment, kind: 'refund' });
      }),
      payment,
    );
    expect(await available(org)).toBe(0n);
    await pursueRemedy(world.deps, payment);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({
      ...{ kind: 'refund', state: 'done' },
    });
    expect(await available(org)).toBe(0n);
  });

  it('once credited stays decided, though another worker sees it refunded a moment later', async () => {
    const { org, payment } = await ofWrongAmount();
    await decide({ paymentIntentId: payment, kind: 'credit' });
    const slow = reading(() => pursueRemedy(world.deps, payment), { outcome: 'missing' });
    await pursueRemedy(slow, payment);
    expect(await available(org)).toBe(usd('20'));
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({ state: 'done' });
    expect(await decide({ paymentIntentId: payment, kind: 'refund' })).toEqual({
      outcome: 'unknown_payment',
    });
  });

  it('switches auto-reload off only with a refund that was decided', async () => {
    const { org, payment } = await ofWrongAmount();
    await saveReloadSettings(world.deps, org, { ...DEFAULT_RELOAD, enabled: true }, 'user_ada');
    const both = { paymentIntentId: payment, reason: 'they wrote to us', actor: 'operator' };
    const late = { answer: Promise.resolve<unknown>(undefined) };
    await world.deps.pool.transaction(async (tx) => {
      await decideRemedy(tx, { ...both, kind: 'credit' });
      late.answer = decide({ paymentIntentId: payment, kind: 'refund' });
      await expect.poll(waiters, { timeout: 10_000 }).toBe(1);
    });
    expect(await late.answer).toMatchObject({ outcome: 'already_decided' });
    expect(await readReload(world.deps.pool, org)).toMatchObject({ settings: { enabled: true } });
  });

  it('that is credit already is credited to nobody else', async () => {
    const purchase = await world.begin(await world.organization(), '20');
    const payment = String(Object(await world.pay(purchase)).payment_intent);
    await settlePayment(world.deps, payment, 'webhook');
    await world.db.ownerPool.query({
      text: `INSERT INTO payments.quarantined_payments (provider, payment_intent_id,
          received_minor_units, currency, mismatches) VALUES ($1, $2, 2000, 'usd', '["customer"]')`,
      values: [world.deps.processor.name, payment],
    });
    const other = await world.organization();
    await decide({ paymentIntentId: payment, kind: 'credit', organizationId: other });
    await pursueRemedy(world.deps, payment);
    expect([await available(other), await available(purchase.organizationId)]).toEqual([
      0n,
      usd('20'),
    ]);
    expect(await readRemedy(world.deps.pool, payment)).toMatchObject({
      ...{ state: 'failed', failureCode: 'credited_already' },
    });
  });

  it('is never one that became credit before, though its customer is another one by now', async () => {
    const purchase = await world.begin(await world.organization(), '20');
    const payment = String(Object(await world.pay(purchase)).payment_intent);
    expect(await settlePayment(world.deps, payment, 'webhook')).toEqual({ outcome: 'credited' });
    await world.db.ownerPool.query({
      text: `UPDATE payments.customers SET customer_id = 'cus_new' WHERE organization_id = $1`,
      values: [purchase.organizationId],
    });
    expect(await settlePayment(world.deps, payment, 'webhook')).toEqual({
      outcome: 'already_credited',
    });
    expect(await waits(payment)).toBe(false);
  });

  it('in another currency is never credit', async () => {
    const payment = await misdirected('eur');
    const org = await world.organization();
    expect(await decide({ paymentIntentId: payment, kind: 'credit', organizationId: org })).toEqual(
      { outcome: 'not_usd', currency: 'eur' },
    );
  });

  it('cannot be silenced by the application itself', async () => {
    await expect(
      world.deps.pool.query({
        text: 'UPDATE payments.quarantined_payments SET resolved_at = now()',
      }),
    ).rejects.toThrow(/permission denied/);
  });
});

it('a sum that is not the one asked for is split as that was, its tax rounded up', () => {
  const asked = { credit: usd('20'), tax: usd('3.8') };
  expect(shared(usd('23.8'), asked)).toEqual(asked);
  // 10 × 3.8 / 23.8 = 1.5966…
  expect(shared(usd('10'), asked)).toEqual({ credit: usd('8.4'), tax: usd('1.6') });
  expect(shared(usd('0.01'), asked)).toBe('tax_unknown');
  expect(shared(usd('7'), { credit: usd('20'), tax: ZERO })).toEqual({
    ...{ credit: usd('7'), tax: ZERO },
  });
});

it('bursar payment credits or refunds one in one command, with reason and audit row', async () => {
  const { payment, org } = await ofWrongAmount();
  const bursar = commandLine(world.db);
  expect((await bursar('payment', 'list')).told.data).toContainEqual(
    expect.objectContaining({ id: payment, mismatches: ['total'] }),
  );
  const verb = bursar('payment', 'credit', payment, '--reason', 'they wrote to us');
  await expect.poll(() => readRemedy(world.deps.pool, payment)).toBeDefined();
  await world.db.ownerPool.query({
    text: `UPDATE payments.remedies SET next_look_at = bursar.real_now()
      WHERE payment_intent_id = $1`,
    values: [payment],
  });
  await pursueDueRemedies(world.deps);
  expect((await verb).told).toMatchObject({ id: payment, kind: 'credit', state: 'done' });
  expect(await available(org)).toBe(usd('20'));
  const [audit] = await world.db.ownerPool.query<{ action: string; reason: string }>({
    text: 'SELECT action, reason FROM identity.audit_events WHERE subject = $1',
    values: [payment],
  });
  expect(audit).toEqual({ action: 'payment.credit', reason: 'they wrote to us' });
  expect((await bursar('payment', 'refund', payment, '--reason', 'x')).code).toBe(
    'payment_not_found',
  );
});

it('the ledger is sound after all of it', async () => {
  const verified = await verifyLedger(world.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
