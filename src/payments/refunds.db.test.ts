import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyLineView } from '#console-api/billing-view';
import { verifyLedger } from '#ledger/reconcile';
import { readStatement } from '#ledger/statement';
import { pursueDueRefunds, pursueRefund, syncRefunds } from '#payments/refund-course';
import { type RefundAsked, readRefund, refundsOf, requestRefund } from '#payments/refunds';
import { type RefundTimelineRow, readRefundTimeline } from '#payments/refunds-sql';
import { readTimeline, type TimelineRow } from '#payments/sql';
import { usd } from '#test/ledger-world';
import { type Credited, cents, type MoneyBackWorld, moneyBackWorld } from '#test/money-back';

let world: MoneyBackWorld;
beforeAll(async () => {
  world = await moneyBackWorld();
});
afterAll(() => world.close());

const ask = (of: Credited, amount: 'all' | ReturnType<typeof usd>): Promise<RefundAsked> =>
  world.db.pool.transaction((tx) =>
    requestRefund(tx, world.deps.entropy, {
      purchaseId: of.purchase.id,
      ...{ amount, reason: 'asked nicely', actor: 'operator' },
    }),
  );

async function asked(of: Credited, amount: 'all' | ReturnType<typeof usd> = 'all') {
  const told = await ask(of, amount);
  if (told.outcome !== 'requested') throw new Error(`not requested: ${told.outcome}`);
  return told.refund;
}

async function reread(refund: { id: string }) {
  const found = await readRefund(world.db.pool, refund.id);
  if (found === undefined) throw new Error('the refund vanished');
  return found;
}

const pursue = (refund: { organizationId: string; id: string }) =>
  pursueRefund(world.deps, refund.organizationId, refund.id);

const lookAgain = async (refund: { id: string }) => {
  await world.db.ownerPool.query({
    text: 'UPDATE payments.refunds SET next_look_at = bursar.real_now() WHERE id = $1',
    values: [refund.id],
  });
  await pursueDueRefunds(world.deps);
};

const available = async (of: Credited) => (await world.balance(of.payer)).available;

const toldToCustomer = async (of: Credited) => {
  const rows = await world.db.pool.query<TimelineRow>(readTimeline(of.purchase));
  return rows.map((row) => row.detail);
};

describe('a refund an operator asks for', () => {
  it('takes the unspent credit out of reach at once, then pays it back with its tax (F55)', async () => {
    const of = await world.credited(usd('10'), usd('2'));
    const refund = await asked(of);
    expect(await available(of)).toBe(0n);
    expect(world.office.refunds).toHaveLength(0);
    expect(await pursue(refund)).toBe('done');
    expect(world.office.refunds.at(-1)).toMatchObject({ amount: usd('12') });
    expect(await reread(refund)).toMatchObject({ state: 'paid', credit: usd('10'), tax: usd('2') });
    expect(await world.held(of.payer)).toBe(0n);
    const rows = await world.db.pool.query<RefundTimelineRow>(readRefundTimeline(refund));
    expect(rows.map((row) => row.state)).toEqual(['requested', 'paid']);
    expect((await toldToCustomer(of)).at(-1)).toContain('$12 was refunded to the card');
  });

  it('is at most what is unspent, and says how much that is (F56)', async () => {
    const of = await world.credited(usd('10'), usd('1'));
    await world.spend(of.payer, usd('4'));
    expect(await ask(of, usd('6.01'))).toEqual({
      outcome: 'exceeds_unspent',
      refundable: usd('6'),
    });
    const refund = await asked(of);
    expect(refund).toMatchObject({ credit: usd('6'), tax: usd('0.6') });
  });

  it('is of whole cents, or refused with the nearest amount that is', async () => {
    const of = await world.credited(usd('10'));
    expect(await ask(of, usd('2.505'))).toEqual({ outcome: 'not_cents', nearest: usd('2.5') });
    expect(await ask(of, usd('0.001'))).toEqual({ outcome: 'not_cents', nearest: usd('0.01') });
    await world.spend(of.payer, usd('3.333'));
    expect((await asked(of)).total).toBe(usd('6.66'));
  });

  it('in odd parts returns exactly the tax that was paid (F57)', async () => {
    const of = await world.credited(usd('3'), usd('1'));
    for (const part of ['1', '1', '1']) await pursue(await asked(of, usd(part)));
    const paid = world.office.refunds.filter((r) => r.paymentIntentId === of.payment);
    expect(paid.map((r) => r.amount)).toEqual([usd('1.33'), usd('1.33'), usd('1.34')]);
    expect(await world.held(of.payer)).toBe(0n);
  });

  it('whose answer is lost is asked again under the same key and made once (S13, S15)', async () => {
    const of = await world.credited(usd('5'));
    world.office.faults = [{ fault: 'never_arrives' }, { fault: 'lost_answer' }];
    const refund = await asked(of);
    expect(await pursue(refund)).toBe('processor_unavailable');
    expect((await reread(refund)).state).toBe('requested');
    await lookAgain(refund);
    await lookAgain(refund);
    expect((await reread(refund)).state).toBe('paid');
    expect(world.office.refunds.filter((r) => r.paymentIntentId === of.payment)).toHaveLength(1);
    const keys = world.office.keys.filter((key) => key.includes(refund.id));
    expect(new Set(keys)).toEqual(new Set([`test:${refund.id}:refund:1`]));
  });

  it('whose key answers with an error for ever gets another key, after a look', async () => {
    const of = await world.credited(usd('5'));
    world.office.faults = [{ fault: 'spent_key' }];
    const refund = await asked(of);
    await pursue(refund);
    await lookAgain(refund);
    expect(await reread(refund)).toMatchObject({ state: 'paid', attempt: 2 });
    expect(world.office.refunds.filter((r) => r.paymentIntentId === of.payment)).toHaveLength(1);
  });

  it('stays pending while the bank takes its time, then is paid (card 7726)', async () => {
    const of = await world.credited(usd('5'));
    world.office.answers = 'pending';
    const refund = await asked(of);
    await pursue(refund);
    world.office.answers = 'succeeded';
    expect((await reread(refund)).state).toBe('pending');
    const made = world.office.refunds.at(-1);
    if (made !== undefined) made.status = 'succeeded';
    await lookAgain(refund);
    expect((await reread(refund)).state).toBe('paid');
  });

  it('that fails after it was paid gives the credit back once and tells the operator (S27, F58)', async () => {
    const of = await world.credited(usd('10'), usd('2'));
    const refund = await asked(of);
    await pursue(refund);
    const made = world.office.refunds.at(-1);
    if (made !== undefined) Object.assign(made, { status: 'failed', failureCode: 'lost_card' });
    for (let time = 0; time < 3; time++) await syncRefunds(world.deps, of.payment);
    expect(await available(of)).toBe(usd('10'));
    expect(await world.held(of.payer)).toBe(usd('12'));
    expect(await reread(refund)).toMatchObject({ state: 'failed', failureCode: 'lost_card' });
    const alarm = 'a refund did not reach the customer; the credit is back';
    expect(world.told.filter((message) => message === alarm)).toHaveLength(1);
    expect((await toldToCustomer(of)).at(-1)).toContain('did not reach the card');
  });

  it.each([
    ['charge_disputed', 'disputed'],
    ['balance_insufficient', 'refused'],
  ])(
    'that the processor refuses with %s ends as %s, and the credit is back (S26)',
    async (code, state) => {
      const of = await world.credited(usd('5'));
      world.office.faults = [{ fault: 'refuses', code }];
      const refund = await asked(of);
      await pursue(refund);
      expect(await reread(refund)).toMatchObject({ state, failureCode: code });
      expect(await available(of)).toBe(usd('5'));
    },
  );

  it('of a payment that was refunded there before is a state, and books what happened (S26)', async () => {
    const of = await world.credited(usd('5'));
    const refund = await asked(of);
    world.office.refund(of.payment, usd('5'));
    world.office.faults = [{ fault: 'refuses', code: 'charge_already_refunded' }];
    await pursue(refund);
    expect((await reread(refund)).state).toBe('already_refunded');
    const states = (await refundsOf(world.db.pool, of.purchase)).map((r) => r.state);
    expect(states).toEqual(['already_refunded', 'paid']);
    expect(await world.balance(of.payer)).toMatchObject({ available: 0n, debt: 0n });
    expect(await world.held(of.payer)).toBe(0n);
  });

  it('is asked of the account it was paid to, and of no other (S33)', async () => {
    const of = await world.credited(usd('5'));
    const refund = await asked(of);
    const before = world.office.keys.length;
    const elsewhere = { ...world.deps, environment: 'live' };
    expect(await pursueRefund(elsewhere, refund.organizationId, refund.id)).toBe('done');
    expect([world.office.keys.length, (await reread(refund)).state]).toEqual([before, 'requested']);
  });

  it('never goes below zero when two are asked for at once', async () => {
    const of = await world.credited(usd('5'));
    const told = await Promise.all([ask(of, usd('3')), ask(of, usd('3')), ask(of, usd('3'))]);
    const counts = told.map(({ outcome }) => outcome).sort();
    expect(counts).toEqual(['exceeds_unspent', 'exceeds_unspent', 'requested']);
  });
});

describe('a refund made at the processor', () => {
  it('is booked once, however often and however it is told', async () => {
    const of = await world.credited(usd('10'), usd('2'));
    world.office.refund(of.payment, usd('6'));
    await Promise.all(Array.from({ length: 5 }, () => syncRefunds(world.deps, of.payment)));
    const [refund, ...others] = await refundsOf(world.db.pool, of.purchase);
    expect(others).toEqual([]);
    expect(refund).toMatchObject({
      ...{ origin: 'processor', state: 'paid', credit: usd('5'), tax: usd('1'), spent: 0n },
    });
    expect(await available(of)).toBe(usd('5'));
    expect(await world.held(of.payer)).toBe(usd('6'));
  });

  it('beyond the unspent part makes the spent part a debt, and the next purchase clears it (S23)', async () => {
    const of = await world.credited(usd('10'), usd('1'));
    await world.spend(of.payer, usd('4'));
    world.office.refund(of.payment, usd('11'));
    await syncRefunds(world.deps, of.payment);
    expect(await world.balance(of.payer)).toMatchObject({ available: 0n, debt: usd('4') });
    expect(await world.held(of.payer)).toBe(0n);
    const { lines } = await readStatement(world.db.pool, of.payer.organizationId, { limit: 1 });
    expect(lines.map((line) => historyLineView(line).title)).toEqual([
      'A refunded payment: $4.00 of it had been spent and is owed',
    ]);
    expect(await world.spend(of.payer, usd('0.01'))).toBe(false);
    await world.credited(usd('5'), undefined, of.payer);
    expect(await world.balance(of.payer)).toMatchObject({ available: usd('1'), debt: 0n });
  });

  it('of spent credit that fails later clears its debt first, and then is credit again', async () => {
    const of = await world.credited(usd('10'));
    await world.spend(of.payer, usd('4'));
    const made = world.office.refund(of.payment, usd('10'));
    await syncRefunds(world.deps, of.payment);
    await world.credited(usd('1'), undefined, of.payer);
    made.status = 'failed';
    await syncRefunds(world.deps, of.payment);
    // $4 come back: $3 are still owed, $1 had been repaid already.
    expect(await world.balance(of.payer)).toMatchObject({ available: usd('7'), debt: 0n });
    expect(await world.held(of.payer)).toBe(usd('11'));
  });

  it('that failed before we heard of it changes nothing', async () => {
    const of = await world.credited(usd('5'));
    world.office.refund(of.payment, usd('5'), 'failed');
    await syncRefunds(world.deps, of.payment);
    expect(await refundsOf(world.db.pool, of.purchase)).toEqual([]);
    expect(await available(of)).toBe(usd('5'));
  });

  it('cent by cent leaves no rest of credit or tax (F57)', async () => {
    const of = await world.credited(cents(91), cents(7));
    for (let cent = 0; cent < 98; cent++) world.office.refund(of.payment, cents(1));
    await syncRefunds(world.deps, of.payment);
    expect(await available(of)).toBe(0n);
    expect(await world.held(of.payer)).toBe(0n);
    const refunds = await refundsOf(world.db.pool, of.purchase);
    expect(refunds.reduce((sum, r) => sum + r.tax, 0n)).toBe(cents(7));
    expect(refunds.every((r) => r.beyond === 0n)).toBe(true);
  });
});

it('S31: nothing that happens to a payment changes what was granted, or until when', async () => {
  const of = await world.credited(usd('10'), usd('2'));
  const grant = async () => {
    const { grants } = await world.balance(of.payer);
    const found = grants.find(({ id }) => id === of.purchase.grantId);
    return { amount: found?.amount, expiresAt: found?.expiresAt, grantedAt: found?.grantedAt };
  };
  const before = await grant();
  await world.spend(of.payer, usd('1'));
  const made = world.office.refund(of.payment, usd('3'));
  await syncRefunds(world.deps, of.payment);
  made.status = 'failed';
  await syncRefunds(world.deps, of.payment);
  await pursue(await asked(of, usd('2')));
  await world.credited(usd('5'), undefined, of.payer);
  expect(await grant()).toEqual(before);
  for (const set of ['amount_nanos = 1', 'expires_at = now()', 'granted_at = now()']) {
    const change = world.db.pool.query({ text: `UPDATE ledger.grants SET ${set}` });
    await expect(change).rejects.toThrow(/permission denied/);
  }
});

it('the ledger is sound after all of it', async () => {
  const verified = await verifyLedger(world.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
