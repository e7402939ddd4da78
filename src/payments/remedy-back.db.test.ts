import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { followHint } from '#payments/hint';
import { unresolvedPayments } from '#payments/quarantine';
import { decideRemedy, listMisdirected, type RemedyKind, readRemedy } from '#payments/remedies';
import { pursueRemedy } from '#payments/remedy-course';
import { settlePayment } from '#payments/settle';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;

/** A payment whose purchase asked for another amount (S29). */
async function ofWrongAmount(card = VISA) {
  const org = await world.organization();
  const purchase = await world.begin(org, '20');
  const payment = String(Object(await world.pay(purchase, card)).payment_intent);
  await world.db.ownerPool.query({
    text: 'UPDATE payments.purchases SET credit_nanos = 500000000000 WHERE id = $1',
    values: [purchase.id],
  });
  await settlePayment(world.deps, payment, 'webhook');
  return { org, payment };
}

const decide = (paymentIntentId: string, kind: RemedyKind) =>
  world.deps.pool.transaction((tx) =>
    decideRemedy(tx, { paymentIntentId, kind, reason: 'they wrote to us', actor: 'operator' }),
  );
const remedyOf = (payment: string) => readRemedy(world.deps.pool, payment);
const waits = async (payment: string) =>
  (await listMisdirected(world.deps.pool)).some((each) => each.paymentIntentId === payment);

async function credited(payment: string) {
  await decide(payment, 'credit');
  await pursueRemedy(world.deps, payment);
  return await remedyOf(payment);
}

/** The card's bank takes its time; the refund it sent back. */
async function refundFailed(payment: string): Promise<string> {
  const failed = async () => {
    const listed = await world.deps.moneyBack.listRefunds(payment);
    return listed.outcome === 'found' && listed.refunds.find(({ status }) => status === 'failed');
  };
  await expect.poll(failed, { timeout: 30_000 }).toMatchObject({ status: 'failed' });
  const found = await failed();
  return found === false || found === undefined ? 'none' : found.id;
}

async function disputed(payment: string, outcome: 'open' | 'inquiry' | 'won' | 'lost') {
  const answer = await fetch(`${world.simUrl}/_sim/disputes`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ payment_intent: payment, outcome }),
  });
  expect(answer.status).toBe(200);
}

describe('a payment that fits nothing and that its bank disputes', () => {
  const refused = { state: 'failed', failureCode: 'disputed' };

  it('is not credited while that is open, and is once it is won', async () => {
    const { org, payment } = await ofWrongAmount();
    await disputed(payment, 'open');
    expect(await credited(payment)).toMatchObject(refused);
    expect([await world.available(org), await waits(payment)]).toEqual([0n, true]);
    await disputed(payment, 'won');
    expect(await credited(payment)).toMatchObject({ state: 'done' });
    expect(await world.available(org)).toBe(usd('20'));
  });

  it('is not credited after it was lost: there is no money for it', async () => {
    const { org, payment } = await ofWrongAmount();
    await disputed(payment, 'lost');
    expect(await credited(payment)).toMatchObject(refused);
    expect([await world.available(org), await waits(payment)]).toEqual([0n, true]);
  });

  it('is credited though the bank asks about it: as with purchases, no money has moved', async () => {
    const { org, payment } = await ofWrongAmount();
    await disputed(payment, 'inquiry');
    expect(await credited(payment)).toMatchObject({ state: 'done' });
    expect(await world.available(org)).toBe(usd('20'));
  });

  it('is not credited while nobody can say whether it is; it is asked again', async () => {
    const { org, payment } = await ofWrongAmount();
    await decide(payment, 'credit');
    const listDisputes = async () => ({ outcome: 'unavailable', detail: 'timed out' }) as const;
    const unknown = { ...world.deps, moneyBack: { ...world.deps.moneyBack, listDisputes } };
    expect(await pursueRemedy(unknown, payment)).toBe('processor_unavailable');
    expect(await remedyOf(payment)).toMatchObject({ state: 'requested' });
    expect(await world.available(org)).toBe(0n);
    await pursueRemedy(world.deps, payment);
    expect(await world.available(org)).toBe(usd('20'));
  });
});

describe('a refund of a payment that fits nothing', () => {
  it('F58: that fails at the bank after it went well waits for a person again', async () => {
    const { org, payment } = await ofWrongAmount('4000000000005126');
    await decide(payment, 'refund');
    await pursueRemedy(world.deps, payment);
    expect(await remedyOf(payment)).toMatchObject({ state: 'done', failureCode: null });
    const refundId = await refundFailed(payment);
    const hint = { type: 'refund.failed', objectId: refundId, paymentIntentId: payment };
    const { moneyBack } = world.deps;
    const listRefunds = async () => ({ outcome: 'unavailable', detail: 'timed out' }) as const;
    const down = { ...world.deps, moneyBack: { ...moneyBack, listRefunds } };
    expect(await followHint(down, hint, 'webhook')).toBe('processor_unavailable');
    for (let time = 0; time < 2; time++) await followHint(world.deps, hint, 'webhook');
    expect(await remedyOf(payment)).toMatchObject({
      ...{ state: 'failed', failureCode: 'refund_failed' },
    });
    // The operator's list, and what doctor and a starting worker tell.
    const unresolved = await unresolvedPayments(world.deps.pool);
    expect([await waits(payment), unresolved.includes(payment)]).toEqual([true, true]);
    const told = world.log.filter(({ message }) => message.includes('did not reach the customer'));
    expect(told).toMatchObject([{ level: 'error', fields: { payment } }]);
    expect(await world.available(org)).toBe(0n);
    expect(await decide(payment, 'refund')).toMatchObject({ outcome: 'requested' });
  });

  it('is not called failed where another one, made at the processor since, went well', async () => {
    const { payment } = await ofWrongAmount();
    await decide(payment, 'refund');
    await pursueRemedy(world.deps, payment);
    const { moneyBack } = world.deps;
    const both = {
      ...moneyBack,
      async listRefunds(id: string) {
        const listed = await moneyBack.listRefunds(id);
        if (listed.outcome !== 'found') return listed;
        const first = listed.refunds.map((one) => ({ ...one, status: 'failed' as const }));
        return { ...listed, refunds: [...first, ...listed.refunds] };
      },
    };
    const hint = { type: 'refund.failed', objectId: 're_1', paymentIntentId: payment };
    await followHint({ ...world.deps, moneyBack: both }, hint, 'webhook');
    expect(await remedyOf(payment)).toMatchObject({ state: 'done' });
  });
});
