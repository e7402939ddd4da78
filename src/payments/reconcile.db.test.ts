import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newId, type OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import { keepDifferences, openDifferences } from '#payments/differences';
import { type Purchase, readPurchase } from '#payments/purchases';
import { reconcile } from '#payments/reconcile';
import { reconcileByNight } from '#payments/reconcile-night';
import { sweepEvents } from '#payments/sweep';
import { systemEntropy } from '#src/system';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());
/** Each test leaves the books as it should have found them. */
afterEach(async () => {
  expect(await run()).toMatchObject({ differences: [] });
});

const usd = (text: string) => parseUsd(text) ?? ZERO;
const own = (text: string, values: readonly unknown[] = []) =>
  world.db.ownerPool.query<Record<string, unknown>>({ text, values });

const EVER = { from: new Date(0) };
const run = () => reconcile(world.deps, EVER);

async function paid(amount = '5'): Promise<{
  org: OrganizationId;
  purchase: Purchase;
  payment: string;
}> {
  const org = await world.organization();
  const purchase = await world.begin(org, amount);
  const told = await world.pay(purchase);
  return { org, purchase, payment: String(Reflect.get(Object(told), 'payment_intent')) };
}

async function credited(amount = '5') {
  const made = await paid(amount);
  await sweepEvents(world.deps);
  expect(await world.available(made.org)).toBe(usd(amount));
  return made;
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

/** A payment made without any page of ours. */
const payDirectly = (metadata: Record<string, string>, customer?: string) =>
  stripe().paymentIntents.create({
    amount: 2000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    off_session: true,
    metadata,
    ...(customer === undefined ? {} : { customer }),
  });

async function tamper(purchase: Purchase, set: string): Promise<void> {
  await own(`UPDATE payments.purchases SET ${set} WHERE id = $1`, [purchase.id]);
}

describe('a reconciliation', () => {
  it('credits what every other driver missed, once, and has no difference to tell (S11)', async () => {
    const { org, purchase } = await paid();
    // As after an outage of everything: the position is past the payment, and nobody polls.
    await tamper(purchase, `state = 'expired', next_poll_at = NULL`);
    const results = await Promise.all([run(), run(), run()]);
    for (const result of results) expect(result).toMatchObject({ differences: [] });
    expect(await world.grants(org)).toBe(1);
    expect(await world.available(org)).toBe(usd('5'));
    const after = await readPurchase(world.deps.pool, purchase.id);
    expect(after?.state).toBe('credited');
    const [row] = await own('SELECT settled_via FROM payments.purchases WHERE id = $1', [
      purchase.id,
    ]);
    expect(row).toEqual({ settled_via: 'reconciliation' });
    expect(await run()).toMatchObject({ outcome: 'reconciled', healed: 0, differences: [] });
  });

  it('finds a payment whose purchase was lost with a restored backup (S08)', async () => {
    const { org, purchase, payment } = await paid('7');
    await own('DELETE FROM payments.purchase_timeline WHERE purchase_id = $1', [purchase.id]);
    await own('DELETE FROM payments.purchases WHERE id = $1', [purchase.id]);
    expect(await run()).toMatchObject({
      differences: [
        {
          kind: 'paid_not_credited',
          reference: payment,
          organizationId: org,
          purchaseId: purchase.id,
          detail: '$7 paid; it is quarantined',
        },
      ],
    });
    expect(await world.grants(org)).toBe(0);
    // It waits for a person; their decision ends the difference.
    await own(
      'UPDATE payments.quarantined_payments SET resolved_at = now() WHERE payment_intent_id = $1',
      [payment],
    );
  });

  it('finds credit whose payment the processor does not know', async () => {
    const { purchase, payment } = await credited();
    await tamper(purchase, `payment_intent_id = 'pi_invented'`);
    const found = await run();
    expect(found).toMatchObject({ outcome: 'reconciled' });
    const kinds = (await openDifferences(world.deps.pool)).map(({ kind, reference }) => ({
      kind,
      reference,
    }));
    expect(kinds).toEqual(
      expect.arrayContaining([
        { kind: 'credited_not_paid', reference: 'pi_invented' },
        // The charge itself is now nobody's, and so is the grant it made.
        { kind: 'paid_not_credited', reference: payment },
        { kind: 'grant_without_purchase', reference: payment },
      ]),
    );
    await tamper(purchase, `payment_intent_id = '${payment}'`);
    await own('DELETE FROM payments.quarantined_payments WHERE payment_intent_id = $1', [payment]);
  });

  it('finds amounts and tax that differ, and ends them when they are right again', async () => {
    const { purchase, payment } = await credited('25');
    await tamper(purchase, 'tax_nanos = 1000000000');
    expect(await run()).toMatchObject({
      differences: expect.arrayContaining([
        expect.objectContaining({
          kind: 'amount_differs',
          reference: payment,
          detail: '$25 taken, $26 sold',
        }),
        expect.objectContaining({
          kind: 'grant_differs',
          detail: '$25 and $0 tax booked, $25 and $1 tax sold',
        }),
      ]),
    });
    // Seen again it is the same row, and a run that began before it was seen ends nothing.
    const earlier = { began: new Date(0), from: EVER.from, to: undefined };
    await keepDifferences(world.deps, earlier, []);
    expect(await openDifferences(world.deps.pool)).toHaveLength(2);
    const rows = () =>
      own('SELECT kind, found_at FROM payments.differences WHERE reference = $1 ORDER BY kind', [
        payment,
      ]);
    const before = await rows();
    await run();
    expect(await rows()).toEqual(before);
    expect(before).toHaveLength(2);
    await tamper(purchase, 'tax_nanos = 0');
  });

  it('finds a paid grant that no purchase explains', async () => {
    const org = await world.organization();
    const grantId = newId('grant', systemEntropy);
    await world.deps.pool.transaction((tx) =>
      issueGrant(tx, {
        organizationId: org,
        grantId,
        kind: 'purchase',
        amount: usd('9'),
        source: 'pi_by_hand',
      }),
    );
    expect(await run()).toMatchObject({
      differences: [{ kind: 'grant_without_purchase', reference: 'pi_by_hand' }],
    });
    await own(`ALTER TABLE ledger.grants DISABLE TRIGGER USER`);
    await own('DELETE FROM ledger.grants WHERE organization_id = $1', [org]);
    await own(`ALTER TABLE ledger.grants ENABLE TRIGGER USER`);
  });

  it('leaves other products alone, on our own customers too (S38)', async () => {
    const { purchase } = await credited();
    const session = await stripe().checkout.sessions.retrieve(purchase.sessionId ?? '');
    const asked: string[] = [];
    const deps = {
      ...world.deps,
      processor: {
        ...world.deps.processor,
        retrievePayment: (id: string) => {
          asked.push(id);
          return world.deps.processor.retrievePayment(id);
        },
      },
    };
    const foreign = await payDirectly({ purpose: 'subscription' }, String(session.customer));
    const untagged = await payDirectly({}, String(session.customer));
    await payDirectly({});
    await payDirectly({ purpose: 'credit_topup', env: 'staging', purchase_id: 'pur_theirs' });
    expect(await reconcile(deps, EVER)).toMatchObject({ differences: [], healed: 0 });
    // One that lost its tags might be ours, so it is asked for; the tagged one is not.
    expect(asked).toContain(untagged.id);
    expect(asked).not.toContain(foreign.id);
  });

  it('concludes nothing while the processor does not answer', async () => {
    const { purchase } = await credited();
    await tamper(purchase, 'tax_nanos = 1000000000');
    await run();
    const before = await openDifferences(world.deps.pool);
    expect(before.length).toBeGreaterThan(0);
    await tamper(purchase, 'tax_nanos = 0');
    await world.faults({ api: 'down' });
    expect(await run()).toEqual({ outcome: 'processor_unavailable' });
    await world.faults({});
    // Nor where it answers about each payment and only does not list them.
    const silent = async () => ({ outcome: 'unavailable' as const, detail: 'timed out' });
    const half = { ...world.deps, books: { ...world.deps.books, listMovements: silent } };
    expect(await reconcile(half, EVER)).toEqual({ outcome: 'processor_unavailable' });
    expect(await openDifferences(world.deps.pool)).toEqual(before);
  });

  it('reads more than one page of the processor', async () => {
    const one = {
      ...world.deps,
      books: {
        ...world.deps.books,
        listMovements: (range: Parameters<typeof world.deps.books.listMovements>[0]) =>
          world.deps.books.listMovements(range, 1),
      },
    };
    const { org, purchase } = await paid();
    await credited();
    await tamper(purchase, `next_poll_at = NULL`);
    const all = await reconcile(one, EVER);
    const whole = await run();
    if (all.outcome !== 'reconciled' || whole.outcome !== 'reconciled') throw new Error('no run');
    expect(all.movements).toBe(whole.movements);
    expect(all.movements).toBeGreaterThan(2);
    expect(await world.available(org)).toBe(usd('5'));
  });
});

describe('the night', () => {
  it('is done by one worker, and rings while something is open', async () => {
    const { purchase } = await credited();
    await tamper(purchase, 'tax_nanos = 1000000000');
    // What happened in the last ten minutes may still be on its way.
    await tamper(purchase, `charged_at = charged_at - interval '1 hour'`);
    const rings = () =>
      world.log.filter(({ message }) => message === 'processor and books do not agree');
    const before = rings().length;
    const late = {
      ...world.deps,
      clock: { ...world.deps.clock, now: () => new Date(Date.now() + 3_600_000) },
    };
    await Promise.all([reconcileByNight(late), reconcileByNight(late), reconcileByNight(late)]);
    await reconcileByNight(late);
    expect(rings().length - before).toBe(1);
    const nights = await own('SELECT done_at, differences FROM payments.reconciliations');
    expect(nights).toMatchObject([{ done_at: expect.any(Date), differences: 2n }]);
    await tamper(purchase, 'tax_nanos = 0');
  });
});

/** The sweep hears of it and books it; then processor and books agree again. */
async function aMinuteLater(): Promise<void> {
  await own('UPDATE payments.event_cursor SET swept_at = NULL');
  await sweepEvents(world.deps);
}

describe('money that went back', () => {
  it('by a refund the ledger does not know is told with both amounts', async () => {
    const { payment } = await credited('20');
    await stripe().refunds.create({ payment_intent: payment, amount: 500 });
    expect(await run()).toMatchObject({
      differences: [
        { kind: 'refund_differs', reference: payment, detail: '$5 paid back, $0 booked' },
      ],
    });
    await aMinuteLater();
  });

  it('by a dispute the ledger does not know is told by its id', async () => {
    const { payment } = await credited('20');
    const answer = await fetch(`${world.simUrl}/_sim/disputes`, {
      method: 'POST',
      body: JSON.stringify({ payment_intent: payment }),
    });
    const dispute = String(Reflect.get(Object(await answer.json()), 'id'));
    expect(await run()).toMatchObject({
      differences: [{ kind: 'dispute_unknown', reference: dispute }],
    });
    await aMinuteLater();
  });
});
