import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyLedger } from '#ledger/reconcile';
import { recordVerification } from '#ledger/seals';
import { watchAlarms } from '#payments/alarms';
import { keepDifferences } from '#payments/differences';
import { syncDispute } from '#payments/disputes';
import { reconcileByNight } from '#payments/reconcile-night';
import { requestRefund } from '#payments/refunds';
import { settlePayment } from '#payments/settle';
import { type OperatorWorld, operatorWorld } from '#test/operator-world';
import { type AttentionLine, type Overview, overviewResponse } from './contract.ts';

let world: OperatorWorld;
beforeEach(async () => {
  world = await operatorWorld();
});
afterEach(() => world.close());

const own = (text: string, values: readonly unknown[] = []) =>
  world.payments.db.ownerPool.query({ text, values });

async function overview(): Promise<Overview> {
  const answer = await world.operator.get('/api/operator');
  expect(answer.status).toBe(200);
  return overviewResponse.parse(answer.body);
}

async function only(): Promise<AttentionLine> {
  const { attention } = await overview();
  expect(attention).toHaveLength(1);
  const [line] = attention;
  if (line === undefined) throw new Error('nothing needs a person');
  return line;
}

async function bought() {
  const { payments } = world;
  const org = await world.organization('Acme');
  const purchase = await payments.begin(org, '20');
  const payment = String(Object(await payments.pay(purchase)).payment_intent);
  await settlePayment(payments.deps, payment, 'webhook');
  return { org, purchase, payment, organization: { id: org, name: 'Acme' } };
}

test('nothing needs a person, and what was looked at is said with its time', async () => {
  await bought();
  const fresh = await overview();
  expect(fresh.attention).toEqual([]);
  expect(fresh.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ['Ledger', true],
    ['Clearing accounts', true],
    ['Alarms', true],
    ['Processor against books', true],
  ]);
  expect(fresh.checks[0]).toMatchObject({
    at: null,
    words: expect.stringContaining('Not verified'),
  });
  await recordVerification(world.payments.db.pool, await verifyLedger(world.payments.db.pool));
  await reconcileByNight(world.payments.deps);
  const { checks } = await overview();
  expect(checks.every(({ at }) => at !== null)).toBe(true);
  expect(checks[0]?.words).toMatch(/^In order: \d+ entries, full\.$/);
});

test('money that was paid and is no credit after a minute: purchase, owner, amount, since', async () => {
  const { payments } = world;
  const org = await world.organization('Waiting');
  const purchase = await payments.begin(org, '20');
  await own(
    `UPDATE payments.purchases SET paid_seen_at = bursar.real_now() - interval '2 minutes'
      WHERE id = $1`,
    [purchase.id],
  );
  await watchAlarms(payments.deps);
  expect(await only()).toMatchObject({
    ...{ kind: 'alarm', organization: { id: org, name: 'Waiting' } },
    ...{ amount_usd: '20', purchase_id: purchase.id },
    title: 'Payments are in for more than a minute and are no credit',
    next_step: expect.stringContaining('bursar reconcile'),
  });
  // An event that names nothing we know is told of beside it.
  await own(`INSERT INTO payments.webhook_inbox (endpoint, event_id, type, object_id, received_at)
    VALUES ('/webhooks/stripe', 'evt_lost', 'payment_intent.succeeded', 'pi_lost',
      bursar.now() - interval '2 minutes')`);
  const { attention } = await overview();
  expect(attention.map(({ detail }) => detail)).toEqual([
    expect.stringContaining('evt_lost'),
    purchase.id,
  ]);
});

test('webhooks that stay away ring here as in the log', async () => {
  for (let payment = 0; payment < 3; payment++) await bought();
  await own(`UPDATE payments.purchases SET paid_seen_at = paid_seen_at - interval '3 minutes'`);
  await watchAlarms(world.payments.deps);
  const line = await only();
  expect(line).toMatchObject({ title: expect.stringContaining('Webhooks are not arriving') });
  expect(line.since).not.toBeNull();
  const { checks } = await overview();
  expect(checks).toContainEqual(expect.objectContaining({ name: 'Alarms', ok: false }));
});

test('what the nightly comparison found is a line until it is gone', async () => {
  const { payments } = world;
  const { org, organization, payment } = await bought();
  const run = { began: new Date(), from: new Date(0), to: undefined };
  const found = {
    kind: 'amount_differs' as const,
    ...{ reference: payment, organizationId: org, purchaseId: null },
    ...{ detail: '$19 taken, $20 sold', happenedAt: new Date() },
  };
  await keepDifferences(payments.deps, run, [found]);
  expect(await only()).toMatchObject({
    ...{ kind: 'difference', organization, payment_id: payment },
    title: 'The processor took another amount than was sold.',
    detail: `${payment}: $19 taken, $20 sold`,
  });
  const later = new Date(Date.now() + 60_000);
  await keepDifferences(payments.deps, { ...run, began: later }, []);
  expect((await overview()).attention).toEqual([]);
});

test('a payment that is set aside and was met at night as well is one line', async () => {
  const payment = await world.misdirected();
  const run = { began: new Date(), from: new Date(0), to: undefined };
  await keepDifferences(world.payments.deps, run, [
    {
      kind: 'paid_not_credited',
      ...{ reference: payment, organizationId: null },
      ...{ purchaseId: null, detail: '$20 paid; it is quarantined', happenedAt: new Date() },
    },
  ]);
  expect(await only()).toMatchObject({ kind: 'payment_set_aside', payment_id: payment });
});

test('a dispute shows its deadline', async () => {
  const { organization, payment, purchase } = await bought();
  const control = await fetch(`${world.payments.simUrl}/_sim/disputes`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ payment_intent: payment, outcome: 'open' }),
  });
  expect(control.ok).toBe(true);
  const { data } = await world.stripe.disputes.list({ payment_intent: payment });
  await syncDispute(world.payments.deps, data[0]?.id ?? '');
  const line = await only();
  expect(line).toMatchObject({
    ...{ kind: 'dispute', organization, amount_usd: '20', purchase_id: purchase.id },
    next_step: 'Answer it, or accept it, at the payment processor.',
  });
  expect(Date.parse(line.deadline ?? '')).toBeGreaterThan(Date.parse(line.since ?? ''));
});

test('a refund that did not arrive is a line until another one is on its way', async () => {
  const { db, deps } = world.payments;
  const { organization, purchase } = await bought();
  const refund = () =>
    db.pool.transaction((tx) =>
      requestRefund(tx, deps.entropy, {
        ...{ purchaseId: purchase.id, amount: 'all', reason: 'asked nicely', actor: 'operator' },
      }),
    );
  const first = await refund();
  if (first.outcome !== 'requested') throw new Error(first.outcome);
  expect((await overview()).attention).toEqual([]);
  // As a bank does days later; the way there is the course of refunds and not looked at here.
  await own(`UPDATE payments.refunds SET state = 'failed', failure_code = 'lost_or_stolen_card'`);
  expect(await only()).toMatchObject({
    ...{ kind: 'refund_unreached', organization, amount_usd: '20' },
    detail: expect.stringContaining('lost_or_stolen_card'),
  });
  await own(`INSERT INTO payments.refunds (organization_id, id, purchase_id, grant_id, origin, state,
      credit_nanos, tax_nanos, reason, actor, provider, environment, payment_intent_id, created_at)
    SELECT organization_id, 'rfnd_2', purchase_id, grant_id, origin, 'pending', credit_nanos, 0,
      reason, actor, provider, environment, payment_intent_id, created_at + interval '1 second'
      FROM payments.refunds`);
  expect((await overview()).attention).toEqual([]);
});

test('what a clearing account cannot explain is a number, the one verification finds', async () => {
  const { org, organization } = await bought();
  await own(
    `INSERT INTO ledger.entries (organization_id, transaction_no, line, from_account, to_account,
        reason, amount_nanos, reference, happened_at, recorded_at)
      VALUES ($1, 99, 1, 'processor_balance', 'stripe_clearing', 'payment.received', 7000000000,
        'pi_nobody', bursar.now(), bursar.now())`,
    [org],
  );
  const { attention, checks } = await overview();
  expect(attention).toMatchObject([
    { kind: 'clearing', organization, amount_usd: '7', title: expect.stringContaining('came in') },
  ]);
  expect(checks).toContainEqual(expect.objectContaining({ name: 'Clearing accounts', ok: false }));
  const { checks: rules } = await verifyLedger(world.payments.db.ownerPool);
  const rule = rules.find(({ name }) => name === 'clearing_is_zero_at_rest');
  expect(rule?.violations).toEqual([expect.stringContaining('stripe_clearing is 7000000000')]);
});

test('a refund that is under way explains what rests in its account', async () => {
  const { db, deps } = world.payments;
  const { purchase } = await bought();
  const asked = await db.pool.transaction((tx) =>
    requestRefund(tx, deps.entropy, {
      ...{ purchaseId: purchase.id, amount: 'all', reason: 'asked nicely', actor: 'operator' },
    }),
  );
  expect(asked.outcome).toBe('requested');
  expect((await overview()).attention).toEqual([]);
  await own(`UPDATE ledger.refunds SET state = 'paid', ended_at = bursar.now()`);
  expect(await only()).toMatchObject({ kind: 'clearing', amount_usd: '20' });
});

test('a ledger that did not verify comes first', async () => {
  await world.misdirected();
  await recordVerification(world.payments.db.pool, {
    ...{ ok: false, mode: 'incremental', beganAt: new Date().toISOString(), entries: 5n },
    checks: [{ name: 'entries_are_chained', ok: false, violations: ['x'] }],
  });
  const { attention, checks } = await overview();
  expect(attention.map(({ kind }) => kind)).toEqual(['verification', 'payment_set_aside']);
  expect(attention[0]?.detail).toContain('entries_are_chained');
  expect(checks[0]).toMatchObject({ name: 'Ledger', ok: false });
});
