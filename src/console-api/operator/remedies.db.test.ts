import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { findOrCreateUser } from '#orgs/members';
import { pursueRemedy } from '#payments/remedy-course';
import { settlePayment } from '#payments/settle';
import { systemEntropy } from '#src/system';
import { OPERATORS } from '#test/console';
import { type OperatorWorld, operatorWorld } from '#test/operator-world';
import { errorBody } from '../contract.ts';
import { type OperatorPayment, overviewResponse, paymentResponse } from './contract.ts';

let world: OperatorWorld;
beforeAll(async () => {
  world = await operatorWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;
const reason = 'they wrote to us';
const path = (payment: string, deed = '') => `/api/operator/payments/${payment}${deed}`;

const look = async (payment: string): Promise<OperatorPayment> =>
  paymentResponse.parse((await world.operator.get(path(payment))).body);
const credit = (payment: string, organization: string | null, by = world.operator) =>
  by.post(path(payment, '/credit'), { reason, organization_id: organization });
const refund = (payment: string, by = world.operator) =>
  by.post(path(payment, '/refund'), { reason });
const carriedOut = (payment: string) => pursueRemedy(world.payments.deps, payment);
const listed = async (payment: string) =>
  overviewResponse
    .parse((await world.operator.get('/api/operator')).body)
    .attention.find((line) => line.payment_id === payment);
const codeOf = (body: unknown) => errorBody.parse(body).error.code;
const idOf = async (email: string) =>
  (await findOrCreateUser(world.payments.db.pool, systemEntropy, email)).id;

describe('a payment that fits nothing', () => {
  test('is listed with what, whose, how much, since when and the next step', async () => {
    const org = await world.organization('Acme');
    const { payment, purchase } = await world.ofWrongAmount(org);
    const line = await listed(payment);
    expect(line).toMatchObject({
      ...{ kind: 'payment_set_aside', organization: { id: org, name: 'Acme' } },
      ...{ amount_usd: '20', purchase_id: purchase.id, decidable: true },
      detail: 'Its amount is not the one that was asked for.',
      next_step: 'Credit it, or refund it.',
    });
    expect(Date.parse(line?.since ?? '')).not.toBeNaN();
  });

  test('whose bank has the money is not credited, and the next step says what helps', async () => {
    const org = await world.organization('Disputed');
    const { payment } = await world.ofWrongAmount(org);
    const opened = await fetch(`${world.payments.simUrl}/_sim/disputes`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ payment_intent: payment }),
    });
    expect(opened.status).toBe(200);
    await credit(payment, null);
    await carriedOut(payment);
    const line = await listed(payment);
    expect(line?.detail).toContain('The credit did not work: the bank has taken the payment back');
    expect(line).toMatchObject({
      decidable: true,
      next_step: 'Answer the dispute at the payment processor; after it is won, credit it.',
    });
  });

  test('is credited in two calls: what it would give is shown, then it is given', async () => {
    const org = await world.organization('Beta');
    const payment = await world.misdirected();
    expect(await look(payment)).toMatchObject({
      ...{ standing: 'set_aside', decidable: true, organization: null, received: '$20' },
      amounts: { credit_usd: '20', tax_usd: '0', total_usd: '20' },
    });
    const nobody = await credit(payment, null);
    expect([nobody.status, codeOf(nobody.body)]).toEqual([400, 'organization_missing']);
    const asked = paymentResponse.parse((await credit(payment, org)).body);
    expect(asked).toMatchObject({
      standing: 'under_way',
      remedy: { kind: 'credit', state: 'requested', by: OPERATORS[0], reason },
    });
    await carriedOut(payment);
    expect(await world.payments.available(org)).toBe(usd('20'));
    expect(await listed(payment)).toBeUndefined();
    expect(await look(payment)).toMatchObject({ standing: 'decided', remedy: { state: 'done' } });
    const actor = await idOf(OPERATORS[0]);
    expect(await world.audit(payment)).toEqual([{ actor, action: 'payment.credit', reason }]);
  });

  test('that was paid with tax shows it apart, and the tax is never credit (F65)', async () => {
    const org = await world.organization('Taxed');
    const { payment } = await world.ofWrongAmount(org, '10');
    expect((await look(payment)).amounts).toEqual({
      ...{ credit_usd: '20', tax_usd: '2', total_usd: '22' },
    });
    expect((await credit(payment, null)).status).toBe(200);
    await carriedOut(payment);
    expect(await world.payments.available(org)).toBe(usd('20'));
  });

  test('pressed twice it is one decision, and a colleague is told whose and why', async () => {
    const org = await world.organization('Gamma');
    const payment = await world.misdirected();
    const presses = await Promise.all([credit(payment, org), credit(payment, org)]);
    expect(presses.map(({ status }) => status)).toEqual([200, 200]);
    const late = await refund(payment, world.colleague);
    expect([late.status, codeOf(late.body)]).toEqual([409, 'already_decided']);
    const { message } = errorBody.parse(late.body).error;
    expect(message).toContain(OPERATORS[0]);
    expect(message).toContain(reason);
    await carriedOut(payment);
    expect((await credit(payment, org)).status).toBe(200);
    expect((await credit(payment, org, world.colleague)).status).toBe(409);
    expect((await refund(payment)).status).toBe(409);
    await carriedOut(payment);
    expect(await world.payments.grants(org)).toBe(1);
    expect(await world.audit(payment)).toHaveLength(1);
  });

  test('two operators at the same moment: one decision stands, one audit row', async () => {
    const org = await world.organization('Delta');
    const payment = await world.misdirected();
    const both = await Promise.all([credit(payment, org), refund(payment, world.colleague)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    await carriedOut(payment);
    const { remedy } = await look(payment);
    const credited = (await world.payments.available(org)) === usd('20');
    const { data } = await world.stripe.refunds.list({ payment_intent: payment });
    expect([credited, data.length]).toEqual(remedy?.kind === 'credit' ? [true, 0] : [false, 1]);
    expect(await world.audit(payment)).toHaveLength(1);
  });

  test('is refunded, and one in another currency only that', async () => {
    const org = await world.organization('Epsilon');
    const payment = await world.misdirected({ currency: 'eur' });
    expect(await look(payment)).toMatchObject({ received: '2000 eur', amounts: null });
    expect(await listed(payment)).toMatchObject({ amount_usd: null, amount_other: '2000 eur' });
    const wrong = await credit(payment, org);
    expect([wrong.status, codeOf(wrong.body)]).toEqual([409, 'only_refund']);
    expect((await refund(payment)).status).toBe(200);
    await carriedOut(payment);
    expect(await look(payment)).toMatchObject({ refunded: true, remedy: { state: 'done' } });
    expect(await world.payments.available(org)).toBe(0n);
  });

  test('that could not be dealt with says why and can be decided anew', async () => {
    const org = await world.organization('Zeta');
    const payment = await world.misdirected();
    await world.stripe.refunds.create({ payment_intent: payment });
    await credit(payment, org);
    await carriedOut(payment);
    expect(await listed(payment)).toMatchObject({
      decidable: true,
      detail: expect.stringContaining(
        'The credit did not work: the payment was refunded meanwhile',
      ),
    });
    expect((await refund(payment, world.colleague)).status).toBe(200);
    await carriedOut(payment);
    expect(await listed(payment)).toBeUndefined();
  });

  test('naming an organization that is not here, as after a restored backup, can be dealt with', async () => {
    const lost = newId('organization', systemEntropy);
    const ours = { purpose: 'credit_topup', purchase_id: 'pur_lost', env: 'test', org_id: lost };
    const [first, second] = [await world.payment(ours), await world.payment(ours)];
    expect(await listed(first)).toMatchObject({ organization: { id: lost, name: lost } });
    expect(codeOf((await credit(first, null)).body)).toBe('organization_missing');
    const org = await world.organization('Restored');
    expect((await credit(first, org)).status).toBe(200);
    expect((await refund(second)).status).toBe(200);
    await carriedOut(first);
    await carriedOut(second);
    expect([await listed(first), await listed(second)]).toEqual([undefined, undefined]);
    expect(await world.payments.available(org)).toBe(usd('20'));
    expect(await world.audit(second)).toMatchObject([{ action: 'payment.refund', reason }]);
  });

  test('needs a reason', async () => {
    const payment = await world.misdirected();
    for (const empty of ['', '   ', undefined]) {
      const answer = await world.operator.post(path(payment, '/refund'), { reason: empty });
      expect([answer.status, errorBody.parse(answer.body).error.field]).toEqual([400, 'reason']);
    }
    expect(await world.audit(payment)).toEqual([]);
  });
});

describe('a payment that landed on the wrong product (S38)', () => {
  test('is left alone until an operator asks for it, and then credited here', async () => {
    const org = await world.organization('Theta');
    const payment = await world.payment({ purpose: 'subscription' });
    expect(await listed(payment)).toBeUndefined();
    expect(await look(payment)).toMatchObject({
      ...{ standing: 'other_product', decidable: true, purpose: 'subscription' },
    });
    expect(await listed(payment)).toBeUndefined();
    expect((await credit(payment, org)).status).toBe(200);
    await carriedOut(payment);
    expect(await world.payments.available(org)).toBe(usd('20'));
    expect(await look(payment)).toMatchObject({
      ...{ standing: 'decided', mismatches: [expect.stringContaining('another product')] },
    });
    expect(await world.audit(payment)).toHaveLength(1);
  });

  test('is known by its customer, and refunded once under two presses', async () => {
    const org = await world.organization('Iota');
    const bought = await world.payments.begin(org, '5');
    const [{ customer } = { customer: '' }] = await world.payments.db.ownerPool.query<{
      customer: string;
    }>({
      text: 'SELECT customer_id AS customer FROM payments.customers WHERE organization_id = $1',
      values: [bought.organizationId],
    });
    const payment = await world.payment({}, { customer });
    expect(await look(payment)).toMatchObject({
      ...{ standing: 'other_product', purpose: null, organization: { id: org, name: 'Iota' } },
    });
    const presses = await Promise.all([refund(payment), refund(payment)]);
    expect(presses.map(({ status }) => status)).toEqual([200, 200]);
    await Promise.all([carriedOut(payment), carriedOut(payment)]);
    const { data } = await world.stripe.refunds.list({ payment_intent: payment });
    expect(data.map(({ amount }) => amount)).toEqual([2000]);
    expect(await world.audit(payment)).toHaveLength(1);
  });
});

describe('a payment about which nothing is to be decided', () => {
  test('is shown, and a decision refused in words', async () => {
    const org = await world.organization('Kappa');
    const bought = await world.payments.begin(org, '5');
    const paid = String(Object(await world.payments.pay(bought)).payment_intent);
    await settlePayment(world.payments.deps, paid, 'webhook');
    const other = await world.payment({ purpose: 'credit_topup', env: 'elsewhere' });
    for (const [payment, standing] of [
      [paid, 'credited'],
      [other, 'other_deployment'],
    ] as const) {
      const shown = await look(payment);
      expect([shown.standing, shown.decidable]).toEqual([standing, false]);
      for (const refused of [await credit(payment, org), await refund(payment)]) {
        expect([refused.status, codeOf(refused.body)]).toEqual([409, 'not_decidable']);
        expect(errorBody.parse(refused.body).error.message).toBe(shown.words);
      }
    }
    expect((await world.stripe.refunds.list({ payment_intent: other })).data).toEqual([]);
  });

  test('and one that does not exist is not found, whatever it is called', async () => {
    for (const id of ['pi_none', 'x%2F..%2Fcustomers', '..']) {
      expect((await world.operator.get(path(id))).status).toBe(404);
    }
  });

  test('while the processor does not answer nothing is decided', async () => {
    const payment = await world.misdirected();
    await world.payments.faults({ api: 'down' });
    const answer = await refund(payment);
    await world.payments.faults({});
    expect(answer.status).toBe(503);
    expect(await world.audit(payment)).toEqual([]);
  });
});

test('a session older than twelve hours looks and changes nothing', async () => {
  const payment = await world.misdirected();
  const stale = await world.person(OPERATORS[1]);
  await world.payments.db.ownerPool.query({
    text: `UPDATE identity.sessions SET created_at = created_at - interval '12 hours'
      WHERE created_at = (SELECT max(created_at) FROM identity.sessions)`,
  });
  expect((await stale.get(path(payment))).status).toBe(200);
  const refused = await refund(payment, stale);
  expect([refused.status, codeOf(refused.body)]).toEqual([403, 'sign_in_again']);
  expect((await refund(payment, await world.person(OPERATORS[1]))).status).toBe(200);
});

test('another site’s page cannot decide', async () => {
  const payment = await world.misdirected();
  const headers = { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' };
  const answer = await world.operator.post(path(payment, '/refund'), { reason }, headers);
  expect([answer.status, codeOf(answer.body)]).toEqual([403, 'cross_site']);
});

test('the ledger is sound after all of it', async () => {
  const verified = await verifyLedger(world.payments.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
