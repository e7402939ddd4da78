import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NanoUsd } from '#kernel/money';
import {
  cursorOf,
  listPayments,
  type PaymentFilter,
  prepareDocuments,
  wantInvoice,
} from '#payments/documents';
import { pursueRefund } from '#payments/refund-course';
import { requestRefund } from '#payments/refunds';
import { usd } from '#test/ledger-world';
import { type Credited, type MoneyBackWorld, moneyBackWorld } from '#test/money-back';

let world: MoneyBackWorld;
beforeAll(async () => {
  world = await moneyBackWorld();
});
afterAll(() => world.close());

const own = (text: string, values: readonly unknown[]) =>
  world.db.ownerPool.query({ text, values });

/** A purchase that just became credit, on a hosted page or without anybody. */
async function credited(how: 'page' | 'alone'): Promise<Credited> {
  const of = await world.credited(usd('10'), usd('2'));
  const { organizationId } = of.payer;
  await own(
    `INSERT INTO payments.customers (organization_id, provider, environment, customer_id)
      VALUES ($1, 'stripe', 'test', 'cus_1')`,
    [organizationId],
  );
  if (how === 'page') {
    await own('UPDATE payments.purchases SET session_id = $2 WHERE id = $1', [
      of.purchase.id,
      `cs_${of.purchase.id}`,
    ]);
  }
  await world.db.pool.transaction((tx) => wantInvoice(tx, of.purchase));
  return of;
}

async function prepare(): Promise<void> {
  await own(
    `UPDATE payments.documents SET next_try_at = bursar.real_now() WHERE next_try_at IS NOT NULL`,
    [],
  );
  await prepareDocuments(world.deps);
}

const payments = (of: Credited, filter: PaymentFilter = {}, limit = 50) =>
  listPayments(world.db.pool, of.payer.organizationId, filter, limit);

async function refunded(of: Credited, amount: NanoUsd) {
  const told = await world.db.pool.transaction((tx) =>
    requestRefund(tx, world.deps.entropy, {
      ...{ purchaseId: of.purchase.id, amount, reason: 'goodwill', actor: 'operator' },
    }),
  );
  if (told.outcome !== 'requested') throw new Error(told.outcome);
  await pursueRefund(world.deps, of.payer.organizationId, told.refund.id);
  return told.refund;
}

describe('the papers of a purchase', () => {
  it('are a receipt at once, and the invoice its page makes a moment later', async () => {
    const of = await credited('page');
    await prepare();
    expect(await payments(of)).toMatchObject([
      {
        ...{ kind: 'purchase', state: 'credited', documentState: 'wanted', number: null },
        ...{ receiptUrl: 'http://receipts.test/1', descriptor: 'ACME* API CREDITS' },
      },
    ]);
    const invoice = world.office.papers.issue(of.payment);
    await prepare();
    expect(await payments(of)).toMatchObject([
      { documentState: 'ready', number: invoice.number, pdfUrl: invoice.pdfUrl },
    ]);
    expect(world.office.papers.calls).toEqual([]);
  });

  it('of a page that never makes one end with the receipt', async () => {
    const of = await credited('page');
    await own('UPDATE payments.documents SET tries = 50 WHERE subject = $1', [of.purchase.id]);
    await prepare();
    expect(await payments(of)).toMatchObject([{ documentState: 'receipt_only', number: null }]);
  });

  it('of a payment without a page are made after it, once, whatever answer is lost', async () => {
    const of = await credited('alone');
    world.office.papers.lost = ['create', 'complete'];
    for (let time = 0; time < 4; time++) await prepare();
    expect(await payments(of)).toMatchObject([{ documentState: 'ready' }]);
    expect(world.office.papers.calls).toEqual(['create', 'complete']);
    // A draft that is known is gone on with: after a day its key would make another.
    expect(world.office.papers.asked).toBe(2);
  });

  it('of a payment that somebody else made are its receipt: it fits no invoice of ours', async () => {
    const of = await credited('alone');
    const { papers } = world.office;
    const before = papers.asked;
    papers.customerId = null;
    await prepare();
    papers.customerId = 'cus_1';
    expect(await payments(of)).toMatchObject([{ documentState: 'receipt_only' }]);
    expect(papers.asked).toBe(before);
  });

  it('never delay credit: with the processor away the credit is there', async () => {
    const of = await credited('alone');
    world.office.papers.lost = ['create', 'create'];
    await prepare();
    expect((await world.balance(of.payer)).available).toBe(usd('10'));
    expect(await payments(of)).toMatchObject([{ documentState: 'wanted' }]);
  });

  it('of a refund are a credit note on its invoice', async () => {
    const of = await credited('page');
    world.office.papers.issue(of.payment);
    await prepare();
    const refund = await refunded(of, usd('5'));
    world.office.papers.lost = ['note'];
    await prepare();
    await prepare();
    expect(world.office.papers.notes.size).toBe(1);
    const [first] = await payments(of, { kind: 'refund' });
    expect(first).toMatchObject({
      ...{ id: refund.id, purchaseId: of.purchase.id, state: 'paid', number: 'CN-1' },
      ...{ credit: usd('5'), tax: usd('1'), documentState: 'ready' },
    });
  });
});

describe('the history of payments', () => {
  it('is filtered by kind, state and dates, and paged', async () => {
    const of = await credited('page');
    for (const part of ['1', '2', '3']) await refunded(of, usd(part));
    const all = await payments(of);
    expect(all.map(({ kind }) => kind)).toEqual(['refund', 'refund', 'refund', 'purchase']);
    expect(all[0]?.credit).toBe(usd('3'));
    expect(await payments(of, { kind: 'purchase' })).toHaveLength(1);
    expect(await payments(of, { state: 'paid' })).toHaveLength(3);
    expect(await payments(of, { state: 'failed' })).toEqual([]);
    const [newest, second] = await payments(of, {}, 2);
    const rest = await payments(of, { before: cursorOf(second ?? { id: '' }) }, 2);
    expect(rest.map(({ id }) => id)).toEqual(all.slice(2).map(({ id }) => id));
    const from = newest?.at ?? new Date();
    // A day apart: times of the database are finer than those of a date.
    const day = 24 * 3_600_000;
    expect(await payments(of, { from: new Date(from.getTime() + day) })).toEqual([]);
    expect(await payments(of, { to: new Date(from.getTime() - day) })).toEqual([]);
    expect(await payments(of, { to: new Date(from.getTime() + day) })).toHaveLength(4);
  });

  it('is one organization’s own', async () => {
    const of = await credited('page');
    expect((await payments(of)).map(({ id }) => id)).toEqual([of.purchase.id]);
  });
});
