import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyLineView } from '#console-api/billing-view';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { verifyLedger } from '#ledger/reconcile';
import { readStatement } from '#ledger/statement';
import { disputesOf, lookAtOpenDisputes, syncDispute } from '#payments/disputes';
import { readBookedBack } from '#payments/money-back-booked';
import { pursueRefund, syncRefunds } from '#payments/refund-course';
import { refundsOf, requestRefund } from '#payments/refunds';
import { reloadPauses } from '#payments/reload-pauses';
import { usd } from '#test/ledger-world';
import {
  type Credited,
  cents,
  type FakeDispute,
  type MoneyBackWorld,
  moneyBackWorld,
} from '#test/money-back';

let world: MoneyBackWorld;
beforeAll(async () => {
  world = await moneyBackWorld();
});
afterAll(() => world.close());

const read = (dispute: FakeDispute) => syncDispute(world.deps, dispute.id);
const money = async (of: Credited) => {
  const { available, frozen, debt } = await world.balance(of.payer);
  return { available, frozen, debt };
};
const paused = async (of: Credited) =>
  (await reloadPauses(world.db.pool, of.payer.organizationId)).map((pause) => pause.subject);
const none = { available: 0n, frozen: 0n, debt: 0n };

/** $10 plus $2 tax, of which $4 are spent. */
async function partlySpent(): Promise<Credited> {
  const of = await world.credited(usd('10'), usd('2'));
  await world.spend(of.payer, usd('4'));
  return of;
}

describe('a dispute', () => {
  it('freezes what is unspent of its purchase alone, and automatic purchases wait (F59)', async () => {
    const of = await partlySpent();
    await world.credited(usd('3'), ZERO, of.payer);
    const dispute = world.office.dispute(of.payment, usd('12'));
    await Promise.all(Array.from({ length: 4 }, () => read(dispute)));
    expect(await money(of)).toEqual({ ...none, available: usd('3'), frozen: usd('6') });
    expect(await paused(of)).toEqual([dispute.id]);
    expect(await disputesOf(world.db.pool, of.purchase)).toMatchObject([
      { state: 'open', frozen: usd('6'), paymentIntentId: of.payment },
    ]);
  });

  it('that is only an inquiry freezes nothing, until it becomes one', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'), 'warning_needs_response');
    await read(dispute);
    expect(await money(of)).toEqual({ ...none, available: usd('6') });
    expect(await paused(of)).toEqual([]);
    world.office.decide(dispute, 'needs_response');
    await read(dispute);
    expect(await money(of)).toEqual({ ...none, frozen: usd('6') });
    const other = world.office.dispute((await partlySpent()).payment, usd('12'), 'warning_closed');
    await read(other);
  });

  it('that is won releases exactly what it froze, and automatic purchases may go on', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'));
    await read(dispute);
    world.office.decide(dispute, 'won');
    for (let time = 0; time < 3; time++) await read(dispute);
    expect(await money(of)).toEqual({ ...none, available: usd('6') });
    expect(await paused(of)).toEqual([]);
    expect(await world.held(of.payer)).toBe(usd('12'));
  });

  it('that is lost takes what was frozen, and what was spent is owed (S24)', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'));
    dispute.fee = usd('15');
    await read(dispute);
    world.office.decide(dispute, 'lost');
    for (let time = 0; time < 3; time++) await read(dispute);
    expect(await money(of)).toEqual({ ...none, debt: usd('4') });
    expect(await world.held(of.payer)).toBe(0n);
    expect(await disputesOf(world.db.pool, of.purchase)).toMatchObject([
      { state: 'lost', owed: usd('4'), taken: usd('10'), takenTax: usd('2'), fee: usd('15') },
    ]);
    expect(await paused(of)).toEqual([dispute.id]);
    expect(await world.spend(of.payer, usd('0.01'))).toBe(false);
    // And the statement says where both went.
    const { organizationId } = of.payer;
    const { lines } = await readStatement(world.db.pool, organizationId, { limit: 9 });
    const shown = lines.map(historyLineView).map(({ title, amount_usd }) => [title, amount_usd]);
    expect(shown.slice(0, 3)).toEqual([
      ['Dispute lost: $4.00 had been spent and is owed', '0'],
      ['Dispute lost: $6 of frozen credits went back with it', '0'],
      ['Frozen while a payment is disputed', '-6'],
    ]);
    expect(lines.slice(0, 2)).toMatchObject([
      { grantId: of.purchase.grantId, total: 0n },
      { grantId: of.purchase.grantId, total: 0n },
    ]);
  });

  it('of which we hear only when it is over is booked all the same', async () => {
    const lost = await partlySpent();
    await read(world.office.dispute(lost.payment, usd('12'), 'lost'));
    expect(await money(lost)).toEqual({ ...none, debt: usd('4') });
    const won = await partlySpent();
    await read(world.office.dispute(won.payment, usd('12'), 'won'));
    expect(await money(won)).toEqual({ ...none, available: usd('6') });
  });

  it('whose verdict is turned around gives back what it took, and the debt with it (S24)', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'), 'lost');
    await read(dispute);
    world.office.decide(dispute, 'appeal_under_review');
    await read(dispute);
    expect(await money(of)).toEqual({ ...none, debt: usd('4') });
    world.office.decide(dispute, 'won');
    for (let time = 0; time < 3; time++) await read(dispute);
    expect(await money(of)).toEqual({ ...none, available: usd('6') });
    expect(await world.held(of.payer)).toBe(usd('12'));
    const { lines } = await readStatement(world.db.pool, of.payer.organizationId, { limit: 9 });
    const titles = lines.map(historyLineView).map(({ title }) => title);
    expect(titles.filter((title) => title === 'Credits bought')).toHaveLength(1);
    expect(titles).toContain('Credits given back');
  });

  it('of a part takes that part only', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('6'));
    await read(dispute);
    world.office.decide(dispute, 'lost');
    await read(dispute);
    // $5 of credit and $1 of tax are claimed; $1 of the frozen $6 is left.
    expect(await money(of)).toEqual({ ...none, available: usd('1') });
    expect(await world.held(of.payer)).toBe(usd('6'));
  });

  it('after a refund claims what the refund has left, the rest is the operator’s loss', async () => {
    const of = await world.credited(usd('10'), usd('2'));
    world.office.refund(of.payment, usd('6'));
    await syncRefunds(world.deps, of.payment);
    const dispute = world.office.dispute(of.payment, usd('12'), 'lost');
    await read(dispute);
    expect(await money(of)).toEqual(none);
    expect(await disputesOf(world.db.pool, of.purchase)).toMatchObject([{ beyond: usd('6') }]);
    expect(await world.held(of.payer)).toBe(0n);
  });

  it('forbids a refund by an operator; one made before it is booked though it is open (S26)', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('6'));
    await read(dispute);
    const wish = { purchaseId: of.purchase.id, amount: 'all', reason: 't', actor: 'o' } as const;
    const asked = await world.db.pool.transaction((tx) =>
      requestRefund(tx, world.deps.entropy, wish),
    );
    expect(asked).toEqual({ outcome: 'disputed', dispute: dispute.id });
    world.office.refund(of.payment, usd('6'));
    await syncRefunds(world.deps, of.payment);
    expect(await money(of)).toEqual({ ...none, frozen: usd('1') });
    world.office.decide(dispute, 'won');
    await read(dispute);
    expect(await money(of)).toEqual({ ...none, available: usd('1') });
  });

  it('beside another on the same payment waits, and freezes when the other is over', async () => {
    const of = await partlySpent();
    const first = world.office.dispute(of.payment, usd('6'));
    const second = world.office.dispute(of.payment, usd('6'));
    await read(first);
    await read(second);
    world.office.decide(first, 'won');
    await read(first);
    expect(await money(of)).toEqual({ ...none, frozen: usd('6') });
    world.office.decide(second, 'lost');
    await read(second);
    expect(await money(of)).toEqual({ ...none, available: usd('1') });
  });

  it('of a payment that is not ours is left alone (S25, S38)', async () => {
    const dispute = world.office.dispute('pi_of_another_product', usd('6'));
    expect(await read(dispute)).toBe('done');
    const [row] = await world.db.pool.query<{ n: bigint }>({
      text: 'SELECT count(*) AS n FROM payments.disputes WHERE id = $1',
      values: [dispute.id],
    });
    expect(row?.n).toBe(0n);
  });

  it('is read again by itself while it is open, should its end never be told', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'));
    await read(dispute);
    world.office.decide(dispute, 'won');
    await lookAtOpenDisputes(world.deps);
    expect((await money(of)).frozen).toBe(usd('6'));
    await world.db.ownerPool.query({
      text: 'UPDATE payments.disputes SET next_look_at = bursar.real_now() WHERE id = $1',
      values: [dispute.id],
    });
    await lookAtOpenDisputes(world.deps);
    expect((await money(of)).available).toBe(usd('6'));
  });

  it('read by two at once ends as the newer reading says', async () => {
    const of = await partlySpent();
    const dispute = world.office.dispute(of.payment, usd('12'));
    const { office } = world;
    let release = (): void => {};
    let hasRead = (): void => {};
    const waits = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reading = new Promise<void>((resolve) => {
      hasRead = resolve;
    });
    let first = true;
    const slow = {
      ...world.deps,
      moneyBack: {
        createRefund: office.createRefund.bind(office),
        listRefunds: office.listRefunds.bind(office),
        listDisputes: office.listDisputes.bind(office),
        retrieveWarning: office.retrieveWarning.bind(office),
        async retrieveDispute(id: string) {
          const answer = await office.retrieveDispute(id);
          if (first) {
            first = false;
            hasRead();
            await waits;
          }
          return answer;
        },
      },
    };
    const late = syncDispute(slow, dispute.id);
    await reading;
    world.office.decide(dispute, 'won');
    await read(dispute);
    release();
    await late;
    expect(await money(of)).toEqual({ ...none, available: usd('6') });
    expect(await disputesOf(world.db.pool, of.purchase)).toMatchObject([{ state: 'won' }]);
  });
});

type Step =
  | { readonly does: 'spend' | 'refund'; readonly cents: number }
  | { readonly does: 'ask'; readonly cents: number }
  | { readonly does: 'dispute'; readonly cents: number; readonly status: string }
  | { readonly does: 'decide'; readonly which: number; readonly status: string }
  | { readonly does: 'fail'; readonly which: number }
  | { readonly does: 'hear'; readonly which: number };

const STATUSES = ['warning_needs_response', 'needs_response', 'under_review', 'won', 'lost'];
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constant('spend' as const), cents: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ does: fc.constant('refund' as const), cents: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ does: fc.constant('ask' as const), cents: fc.integer({ min: 1, max: 900 }) }),
  fc.record({
    ...{ does: fc.constant('dispute' as const), cents: fc.integer({ min: 1, max: 1300 }) },
    status: fc.constantFrom(...STATUSES),
  }),
  fc.record({
    ...{ does: fc.constant('decide' as const), which: fc.nat(3) },
    status: fc.constantFrom(...STATUSES, 'warning_closed', 'appeal_under_review'),
  }),
  fc.record({ does: fc.constant('fail' as const), which: fc.nat(3) }),
  fc.record({ does: fc.constant('hear' as const), which: fc.nat(5) }),
);

const paidBack = (of: Credited): bigint =>
  world.office.refunds
    .filter((r) => r.paymentIntentId === of.payment && r.status === 'succeeded')
    .reduce((sum, { amount }) => sum + (amount ?? 0n), 0n);

/** What the fake processor has in hand of one payment; a lost dispute's excess is known to it too. */
async function inHand(of: Credited): Promise<bigint> {
  const { office } = world;
  const sumOf = (amounts: readonly (NanoUsd | undefined)[]) =>
    amounts.reduce((sum: bigint, amount) => sum + (amount ?? 0n), 0n);
  const refunds = office.refunds.filter(
    (r) => r.paymentIntentId === of.payment && r.status === 'succeeded',
  );
  const lost = office.disputes.filter((d) => d.paymentIntentId === of.payment && took(d.status));
  const rows = await Promise.all([
    refundsOf(world.db.pool, of.purchase),
    disputesOf(world.db.pool, of.purchase),
  ]);
  const beyond = sumOf(rows.flat().flatMap((row) => (counts(row.state) ? [row.beyond] : [])));
  return (
    of.purchase.total -
    sumOf(refunds.map((r) => r.amount)) -
    sumOf(lost.map((d) => d.amount)) +
    beyond
  );
}
const counts = (state: string) => state === 'paid' || state === 'lost';
const took = (status: string) => status === 'lost';

async function play(steps: readonly Step[]): Promise<Credited> {
  const of = await world.credited(usd('10'), usd('1.27'));
  const { office } = world;
  const mine = () => office.disputes.filter((d) => d.paymentIntentId === of.payment);
  const refunds = () => office.refunds.filter((r) => r.paymentIntentId === of.payment);
  const hear = async (which: number) => {
    const dispute = mine()[which];
    if (which % 2 === 0 || dispute === undefined) await syncRefunds(world.deps, of.payment);
    else await syncDispute(world.deps, dispute.id);
  };
  for (const each of steps) {
    if (each.does === 'spend') await world.spend(of.payer, cents(each.cents));
    else if (each.does === 'refund') office.refund(of.payment, cents(each.cents));
    else if (each.does === 'dispute') {
      office.dispute(of.payment, cents(each.cents), each.status);
    } else if (each.does === 'decide') {
      const dispute = mine()[each.which];
      // After a verdict only another verdict or an appeal is possible.
      if (dispute === undefined || !mayFollow(dispute.status, each.status)) continue;
      office.decide(dispute, each.status);
    } else if (each.does === 'fail') {
      const refund = refunds()[each.which];
      if (refund !== undefined) refund.status = 'failed';
    } else if (each.does === 'hear') await hear(each.which);
    else {
      const amount = nanos(cents(each.cents));
      const wish = { purchaseId: of.purchase.id, amount, reason: 'r', actor: 'operator' };
      await world.db.pool.transaction((tx) => requestRefund(tx, world.deps.entropy, wish));
    }
  }
  return of;
}

const mayFollow = (from: string, to: string): boolean =>
  from === 'won' || from === 'lost'
    ? to === 'won' || to === 'lost'
    : from === 'warning_closed'
      ? false
      : to !== 'appeal_under_review';

/** Everything is told in the end, by reading it again. */
async function settleDown(of: Credited): Promise<void> {
  for (const refund of await refundsOf(world.db.pool, of.purchase)) {
    await pursueRefund(world.deps, refund.organizationId, refund.id);
  }
  await syncRefunds(world.deps, of.payment);
  for (const dispute of world.office.disputes) {
    if (dispute.paymentIntentId === of.payment) await syncDispute(world.deps, dispute.id);
  }
  await bookAllStoppedGrants(world.db.pool);
}

it('S24: refunds, parts, disputes and verdicts in any order leave no drift', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const of = await play(steps);
      await settleDown(of);
      expect(await world.held(of.payer)).toBe(await inHand(of));
      expect((await readBookedBack(world.db.pool, of.purchase)).refunded).toBe(paidBack(of));
      const { available, frozen, debt } = await money(of);
      const open = world.office.disputes.some(
        (d) => d.paymentIntentId === of.payment && d.news === 'open',
      );
      if (!open) expect(frozen).toBe(0n);
      if (open) expect(available).toBe(0n);
      expect([available >= 0n, frozen >= 0n, debt >= 0n]).not.toContain(false);
      const once = await money(of);
      await settleDown(of);
      expect(await money(of)).toEqual(once);
    }),
    { numRuns: 40 },
  );
  const verified = await verifyLedger(world.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
