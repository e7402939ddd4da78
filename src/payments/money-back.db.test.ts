import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { verifyLedger } from '#ledger/reconcile';
import { disputesOf } from '#payments/disputes';
import { receiveEvent, workEvent } from '#payments/inbox';
import type { ProcessorEvent } from '#payments/processor';
import { viewPurchase } from '#payments/purchase-view';
import { cancelPurchase, type Purchase, readPurchase } from '#payments/purchases';
import { pursueDueRefunds, pursueRefund } from '#payments/refund-course';
import { readRefund, refundsOf, requestRefund } from '#payments/refunds';
import { reloadPauses } from '#payments/reload-pauses';
import { sweepEvents } from '#payments/sweep';
import { listWarnings, syncWarning, warningAdvice } from '#payments/warnings';
import { commandLine } from '#test/command-line';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;
const INQUIRY = '4000000000001976';
const DISPUTED = '4000000000000259';
const TWICE_DISPUTED = '4000000404000079';
const WARNED = '4000000000005423';
const REFUND_WAITS = '4000000000007726';
const REFUND_FAILS = '4000000000005126';

/** As if the minute between two sweeps had passed. */
async function sweep(): Promise<void> {
  await world.db.ownerPool.query({
    text: 'UPDATE payments.event_cursor SET swept_at = NULL, leased_until = NULL',
  });
  await sweepEvents(world.deps);
}

const control = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
  const answer = await fetch(`${world.simUrl}/_sim/${path}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
  const told: unknown = await answer.json();
  if (!answer.ok) throw new Error(`simulator: ${JSON.stringify(told)}`);
  return Object(told);
};

async function reread(purchase: Purchase): Promise<Purchase> {
  const found = await readPurchase(world.deps.pool, purchase.id);
  if (found === undefined) throw new Error('purchase vanished');
  return found;
}

interface Bought {
  readonly org: OrganizationId;
  readonly purchase: Purchase;
  readonly payment: string;
}

async function bought(card = VISA): Promise<Bought> {
  const org = await world.organization();
  const begun = await world.begin(org, '10');
  await world.pay(begun, card);
  await sweep();
  const purchase = await reread(begun);
  return { org, purchase, payment: purchase.paymentIntentId ?? '' };
}

const balance = async ({ org }: Bought) => {
  const { available, frozen, debt } = await readBalance(world.deps.pool, org);
  return { available, frozen, debt };
};
const whole = { available: usd('10'), frozen: 0n, debt: 0n };

async function refunded(of: Bought) {
  const asked = await world.deps.pool.transaction((tx) =>
    requestRefund(tx, world.deps.entropy, {
      ...{ purchaseId: of.purchase.id, amount: 'all', reason: 'goodwill', actor: 'operator' },
    }),
  );
  if (asked.outcome !== 'requested') throw new Error(asked.outcome);
  await pursueRefund(world.deps, of.org, asked.refund.id);
  return asked.refund.id;
}

const stateOf = async (id: string) => (await readRefund(world.deps.pool, id))?.state;

describe('with every webhook lost', () => {
  it('a refund is paid, and its purchase says so', async () => {
    const of = await bought();
    const id = await refunded(of);
    expect(await stateOf(id)).toBe('paid');
    const view = await viewPurchase(world.deps.pool, await reread(of.purchase));
    expect(view).toMatchObject({ state: 'credited', overlay: 'refunded', refunded_usd: '10' });
    expect(view.timeline.at(-1)?.detail).toContain('$10 was refunded to the card');
  });

  it('a refund waits for its bank, and another comes back after it was paid (S27)', async () => {
    await world.settings({ bank_delay_seconds: 0 });
    const waiting = await refunded(await bought(REFUND_WAITS));
    const failing = await bought(REFUND_FAILS);
    const failed = await refunded(failing);
    await sweep();
    expect([await stateOf(waiting), await stateOf(failed)]).toEqual(['paid', 'failed']);
    expect(await balance(failing)).toEqual(whole);
    await world.settings({ bank_delay_seconds: 2 });
  });

  it('a refund in the dashboard is booked by the next sweep, once (S27)', async () => {
    const of = await bought();
    await control('refunds', { payment_intent: of.payment, amount: 250 });
    await sweep();
    await sweep();
    expect(await balance(of)).toEqual({ ...whole, available: usd('7.5') });
    expect(await refundsOf(world.deps.pool, of.purchase)).toMatchObject([
      { origin: 'processor', state: 'paid', credit: usd('2.5') },
    ]);
    const view = await viewPurchase(world.deps.pool, await reread(of.purchase));
    expect(view).toMatchObject({ overlay: 'part_refunded', refunded_usd: '2.5' });
  });

  it('a refund that is heard of before its payment finds the payment credited first (F54)', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '10');
    const told = Object(await world.pay(purchase));
    const payment = String(told.payment_intent);
    await control('refunds', { payment_intent: payment });
    const hint: ProcessorEvent = {
      ...{ id: `evt_${payment}`, type: 'charge.refunded', livemode: false, objectId: 'ch_x' },
      ...{ paymentIntentId: payment, purpose: null, purchaseId: null },
      ...{ organizationId: null, environment: null },
    };
    await receiveEvent(world.deps.pool, 'test', hint);
    const [row] = await world.db.ownerPool.query<{ outcome: string | null }>({
      text: 'SELECT outcome FROM payments.webhook_inbox WHERE event_id = $1',
      values: [hint.id],
    });
    expect(row).toEqual({ outcome: null });
    await workEvent(world.deps, 'test', hint.id);
    const of = { org, purchase: await reread(purchase), payment };
    expect(of.purchase.state).toBe('credited');
    expect(await balance(of)).toEqual({ ...whole, available: 0n });
    await sweep();
    expect(await refundsOf(world.deps.pool, of.purchase)).toHaveLength(1);
  });

  it('a dispute freezes its purchase and one that is won releases it (F59, S25)', async () => {
    const of = await bought(DISPUTED);
    expect(await balance(of)).toEqual({ ...whole, available: 0n, frozen: usd('10') });
    expect((await reloadPauses(world.deps.pool, of.org)).map((p) => p.cause)).toEqual(['dispute']);
    const view = await viewPurchase(world.deps.pool, await reread(of.purchase));
    expect(view.overlay).toBe('disputed');
    await control('disputes', { payment_intent: of.payment, outcome: 'won' });
    await sweep();
    expect(await balance(of)).toEqual(whole);
    expect(await disputesOf(world.deps.pool, of.purchase)).toMatchObject([
      { state: 'won', fee: 0n },
    ]);
  });

  it('a dispute that is lost takes the credit, and its fee is the operator’s (F59)', async () => {
    const of = await bought(DISPUTED);
    await control('disputes', { payment_intent: of.payment, outcome: 'lost' });
    await sweep();
    expect(await balance(of)).toEqual({ ...whole, available: 0n });
    expect(await disputesOf(world.deps.pool, of.purchase)).toMatchObject([
      { state: 'lost', fee: usd('15'), taken: usd('10') },
    ]);
  });

  it('an inquiry freezes nothing, and does when it escalates', async () => {
    const of = await bought(INQUIRY);
    expect(await balance(of)).toEqual(whole);
    await control('disputes', { payment_intent: of.payment, outcome: 'escalate' });
    await sweep();
    expect(await balance(of)).toEqual({ ...whole, available: 0n, frozen: usd('10') });
  });

  it('two disputes of one payment are two, and freeze it once', async () => {
    const of = await bought(TWICE_DISPUTED);
    expect(await balance(of)).toEqual({ ...whole, available: 0n, frozen: usd('10') });
    expect(await disputesOf(world.deps.pool, of.purchase)).toHaveLength(2);
  });

  it('an early fraud warning tells the operator what to do, and pauses reloads until they say so', async () => {
    const of = await bought(WARNED);
    const warning = (await listWarnings(world.deps.pool, 10)).find(
      (each) => each.purchaseId === of.purchase.id,
    );
    expect(warning).toMatchObject({ actionable: true });
    const advice = warning === undefined ? '' : warningAdvice(warning);
    expect(advice).toContain(`bursar refund --purchase ${of.purchase.id} --reason`);
    expect(await balance(of)).toEqual(whole);
    expect((await reloadPauses(world.deps.pool, of.org)).length).toBe(1);
    await refunded(of);
    await sweep();
    // Back is the money, not the trust in the card: only an operator lets it be charged unseen again.
    const after = (await listWarnings(world.deps.pool, 10)).find(({ id }) => id === warning?.id);
    expect(after).toMatchObject({ actionable: false });
    expect((await reloadPauses(world.deps.pool, of.org)).length).toBe(1);
    const bursar = commandLine(world.db);
    const resume = () => bursar('warning', 'resume', warning?.id ?? '', '--reason', 'well known');
    expect((await resume()).told).toMatchObject({ organization_id: of.org, resumed: true });
    expect((await resume()).code).toBe('not_paused');
    expect(await syncWarning(world.deps, warning?.id ?? '')).toBe('done');
    expect(await reloadPauses(world.deps.pool, of.org)).toEqual([]);
  });
});

it('a refund whose answer is lost at the processor is made once (S15)', async () => {
  const of = await bought();
  await world.faults({ api: 'error_500_after' });
  const id = await refunded(of);
  await world.faults({});
  await world.db.ownerPool.query({
    text: 'UPDATE payments.refunds SET next_look_at = bursar.real_now() WHERE id = $1',
    values: [id],
  });
  await pursueDueRefunds(world.deps);
  expect(await stateOf(id)).toBe('paid');
  const payments = await fetch(`${world.simUrl}/_sim/payments`);
  expect(await payments.text()).toContain(of.payment);
  expect(await refundsOf(world.deps.pool, of.purchase)).toHaveLength(1);
});

it('cancelling a purchase that was just paid credits it, and says so (S37)', async () => {
  const org = await world.organization();
  const purchase = await world.begin(org, '10');
  await world.pay(purchase);
  const canceled = await cancelPurchase(world.deps, purchase.id, org);
  expect(canceled).toMatchObject({ outcome: 'not_open', purchase: { state: 'credited' } });
  await sweep();
  expect((await readBalance(world.deps.pool, org)).available).toBe(usd('10'));
  const view = await viewPurchase(world.deps.pool, await reread(purchase));
  expect(view.timeline.at(-1)?.detail).toContain('Payment received');
});

it('of another product neither a refund nor a dispute is touched (S38)', async () => {
  const known = await bought();
  const before = await balance(known);
  const other: ProcessorEvent = {
    ...{ id: 'evt_other', type: 'refund.created', livemode: false, objectId: 're_x' },
    ...{ paymentIntentId: 'pi_unknown', purpose: null, purchaseId: null },
    ...{ organizationId: null, environment: null },
  };
  await receiveEvent(world.deps.pool, 'test', other);
  await workEvent(world.deps, 'test', other.id);
  const [row] = await world.db.ownerPool.query<{ outcome: string }>({
    text: `SELECT outcome FROM payments.webhook_inbox WHERE event_id = 'evt_other'`,
  });
  expect(row?.outcome).toBe('ignored');
  expect(await balance(known)).toEqual(before);
});

it('the ledger is sound after all of it', async () => {
  const verified = await verifyLedger(world.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
