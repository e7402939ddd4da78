import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NANOS_PER_CENT, type NanoUsd, nanos } from '#kernel/money';
import { LOW_TASK } from '#ledger/low';
import { addMember, findOrCreateUser } from '#orgs/members';
import { saveDetails } from '#payments/billing-details';
import type { DetailsForm } from '#payments/billing-details-form';
import type { PaymentsDeps } from '#payments/deps';
import { listPayments, prepareDocuments } from '#payments/documents';
import { refreshPurchase } from '#payments/purchases';
import { syncRefunds } from '#payments/refund-course';
import { evaluateDueReloads } from '#payments/reload';
import { reloadCardChanged, saveReloadSettings } from '#payments/reload-settings';
import { pollDuePurchases } from '#payments/sweep';
import type { PaymentsWorld } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld, SETTINGS, usd } from '#test/reload-world';

let reloads: ReloadWorld;
let world: PaymentsWorld;
let its: Reloader;

beforeAll(async () => {
  reloads = await reloadWorld();
  ({ world } = reloads);
});
afterAll(() => reloads?.close());
beforeEach(async () => {
  its = await reloads.reloader();
});

const answers = async () => (await its.view()).evaluations.map(({ outcome }) => outcome);
const enable = (changes = {}, deps = world.deps) =>
  saveReloadSettings(deps, its.payer.organizationId, { ...SETTINGS, ...changes }, 'user_ada');
async function theReload() {
  const [reload] = await its.purchases();
  if (reload === undefined) throw new Error('nothing was decided');
  return reload;
}

function stripe(): Stripe {
  const { hostname: host, port } = new URL(world.simUrl);
  return new Stripe(world.secretKey, { host, port, protocol: 'http', telemetry: false });
}

const BERLIN: DetailsForm = {
  ...{ name: 'Ada GmbH', line1: 'Hauptstr. 1', line2: '', city: 'Berlin', state: '' },
  ...{ postal_code: '10115', country: 'DE', tax_id_type: '', tax_id: '' },
};
const address = (deps: PaymentsDeps = world.deps, form = BERLIN) =>
  saveDetails(deps, its.payer.organizationId, 'user_ada', form);

/** Tax of this many percent, rounded up to the cent, as the dearest rounding there is. */
const taxed = (percent: bigint, asked: NanoUsd[] = []): typeof world.deps => ({
  ...world.deps,
  automaticTax: true,
  tax: {
    ...world.deps.tax,
    async calculate({ amount }) {
      asked.push(amount);
      const cents = (amount / NANOS_PER_CENT) * percent;
      const tax = nanos(((cents + 99n) / 100n) * NANOS_PER_CENT);
      return {
        outcome: 'done',
        tax: { tax, total: nanos(amount + tax), lines: [], calculation: null },
      };
    },
  },
});
const charging = (chargeCard: PaymentsDeps['cardCharges']['chargeCard']): typeof world.deps => ({
  ...world.deps,
  cardCharges: { ...world.deps.cardCharges, chargeCard },
});

describe('a refund made at the processor', () => {
  it('switches auto-reload off like one of ours: it is not charged again, and says why', async () => {
    await its.save();
    await its.set();
    const { paymentIntentId } = await theReload();
    await stripe().refunds.create({ payment_intent: paymentIntentId ?? '' });
    expect(await syncRefunds(world.deps, paymentIntentId ?? '')).toBe('done');
    expect((await its.view()).settings).toMatchObject({ enabled: false, changedBy: 'processor' });
    expect((await answers())[0]).toBe('refunded');
    await reloads.later('2 minutes');
    expect(await its.ask()).toBe('off');
    await evaluateDueReloads(world.deps);
    expect(await its.charged()).toEqual([5000]);
    // Read again it changes nothing: who switched it on after it has decided so.
    await its.set({ enabled: true });
    await syncRefunds(world.deps, paymentIntentId ?? '');
    expect((await its.view()).settings).toMatchObject({ enabled: true });
  });
});

describe('two deployments on one database', () => {
  const other = (): typeof world.deps => ({ ...world.deps, environment: 'other' });

  it('do not charge for each other: who is told hands it over, and the right one asks', async () => {
    await its.save();
    await its.set({ enabled: false });
    await enable();
    expect(await its.ask(other())).toBe('elsewhere');
    await reloadCardChanged(other(), its.payer.organizationId);
    // As text: every digit of the time.
    const due = () =>
      world.db.pool.query({
        text: 'SELECT look_again_at::text AS at FROM payments.auto_reload WHERE organization_id = $1',
        values: [its.payer.organizationId],
      });
    const before = await due();
    await evaluateDueReloads(other());
    expect(await due()).toEqual(before);
    expect(await its.charged()).toEqual([]);
    expect(await answers()).not.toContain('started');
    await evaluateDueReloads(world.deps);
    expect(await its.charged()).toEqual([5000]);
    expect((await its.view()).evaluations[0]).toMatchObject({ cause: 'reload_ended' });
  });

  it('tell each other of a new card: its job may be worked by either', async () => {
    await its.save('4000002760003184');
    await its.set();
    expect(await its.view()).toMatchObject({ paused: 'verification_required' });
    // Its own card changed: that is no news of ours.
    await reloadCardChanged(other(), its.payer.organizationId);
    expect(await its.view()).toMatchObject({ paused: 'verification_required' });
    await reloadCardChanged(other(), its.payer.organizationId, world.deps.environment);
    expect((await its.view()).paused).toBeNull();
  });

  it('do not judge each other\u2019s payments, though both are of one account', async () => {
    await its.save();
    await its.set(
      {},
      charging(async (request) => {
        const answer = await world.deps.cardCharges.chargeCard(request);
        if (answer.outcome !== 'answered') throw new Error(answer.outcome);
        return { ...answer, payment: { ...answer.payment, status: 'processing' } };
      }),
    );
    const { id } = await theReload();
    await refreshPurchase(other(), id, 'poller');
    expect(await theReload()).toMatchObject({ state: 'processing' });
    await refreshPurchase(world.deps, id, 'poller');
    expect(await theReload()).toMatchObject({ state: 'credited' });
  });

  it('do not end each other\u2019s reloads, whose payments they do not know', async () => {
    await its.save();
    await world.faults({ api: 'down' });
    await its.set();
    await world.faults({});
    const { id } = await theReload();
    await refreshPurchase(other(), id, 'poller');
    expect(await theReload()).toMatchObject({ state: 'opening', attempt: 1 });
    await refreshPurchase(world.deps, id, 'poller');
    expect(await its.charged()).toEqual([5000]);
  });
});

describe('a reload of which nobody knows the outcome', () => {
  const due = async () => {
    const [row] = await world.db.ownerPool.query<{ soon: boolean; polls: number }>({
      text: `SELECT next_poll_at <= bursar.real_now() + interval '5 seconds' AS soon, polls
        FROM payments.purchases WHERE organization_id = $1`,
      values: [its.payer.organizationId],
    });
    return row;
  };

  it('is asked about every few seconds, however long the outage lasts', async () => {
    await its.save();
    await world.faults({ api: 'down' });
    await its.set();
    // Half an hour of asking.
    await world.db.ownerPool.query({
      text: `UPDATE payments.purchases SET polls = 400, next_poll_at = bursar.real_now()
        WHERE organization_id = $1`,
      values: [its.payer.organizationId],
    });
    await pollDuePurchases(world.deps);
    expect(await due()).toMatchObject({ soon: true, polls: 401 });
    await world.faults({});
    await refreshPurchase(world.deps, (await theReload()).id, 'poller');
    expect(await its.charged()).toEqual([5000]);
  });

  it('that was asked in the words of another release is looked for, never called failed', async () => {
    await its.save();
    await world.faults({ api: 'error_500_after' });
    await its.set(
      {},
      charging(async (request) => {
        await world.deps.cardCharges.chargeCard(request);
        return { outcome: 'refused', code: 'idempotency_error', detail: '' };
      }),
    );
    await world.faults({});
    await refreshPurchase(world.deps, (await theReload()).id, 'poller');
    expect(await its.charged()).toEqual([5000]);
    expect(await theReload()).toMatchObject({ state: 'credited', attempt: 1 });
  });
});

describe('saving the settings', () => {
  it('answers as soon as they are stored; the charge follows by the timer', async () => {
    await its.save();
    const unreachable = charging(() => Promise.reject(new Error('a card was asked')));
    expect(await enable({}, unreachable)).toEqual({ outcome: 'saved' });
    expect(await its.view()).toMatchObject({ status: 'on', checking: true, evaluations: [] });
    expect(await its.charged()).toEqual([]);
    await evaluateDueReloads(world.deps);
    expect(await its.charged()).toEqual([5000]);
    const after = await its.view();
    expect(after.checking).toBe(false);
    expect(after.evaluations.map(({ cause }) => cause)).toContain('settings_changed');
  });
});

describe('the charge itself', () => {
  it('says whose wish it is, and its receipt goes to who agreed to it', async () => {
    const { organizationId } = its.payer;
    await world.db.pool.transaction(async (tx) => {
      const ada = await findOrCreateUser(tx, world.deps.entropy, 'ada.reloads@example.com');
      await addMember(tx, { organizationId, userId: ada.id, role: 'billing' });
      await saveReloadSettings(world.deps, organizationId, SETTINGS, ada.id);
    });
    await its.save();
    await evaluateDueReloads(world.deps);
    const { paymentIntentId } = await theReload();
    const made = await stripe().paymentIntents.retrieve(paymentIntentId ?? '');
    expect(made.receipt_email).toBe('ada.reloads@example.com');
    expect(made.payment_method_options?.card).toMatchObject({
      stored_credential_usage: 'unscheduled',
    });
  });
});

describe('the tax of a reload', () => {
  const papers = async () => {
    await world.db.ownerPool.query({
      text: `UPDATE payments.documents SET next_try_at = bursar.real_now()
        WHERE next_try_at IS NOT NULL`,
    });
    await prepareDocuments(world.deps);
  };

  it('is booked by the processor with the payment, by the calculation that decided it', async () => {
    await world.settings({ tax_rate_percent: '19' });
    await its.save();
    await address();
    await its.set({}, { ...world.deps, automaticTax: true });
    await world.settings({ tax_rate_percent: '0' });
    const { paymentIntentId, state, tax } = await theReload();
    expect([state, tax, await its.charged()]).toEqual(['credited', usd('9.5'), [5950]]);
    const found = await stripe().tax.associations.find({ payment_intent: paymentIntentId ?? '' });
    expect(found.tax_transaction_attempts).toMatchObject([
      { status: 'committed', source: paymentIntentId },
    ]);
    // And it stands on the invoice as a tax, with its rate, not as something that was bought.
    for (let looks = 0; looks < 3; looks++) await papers();
    const { organizationId } = its.payer;
    expect(await listPayments(world.deps.pool, organizationId, {}, 1)).toMatchObject([
      {
        documentState: 'ready',
        taxLines: [{ label: 'Tax', taxable_usd: '50', amount_usd: '9.5' }],
      },
    ]);
  });
});

describe('the month\u2019s bound with tax', () => {
  it('is used up to what fits with its tax, and never passed by a cent', async () => {
    await its.save();
    await address();
    const asked: NanoUsd[] = [];
    const deps = taxed(19n, asked);
    await its.set({ maxPerMonth: usd('20') }, deps);
    const reload = await theReload();
    expect(reload).toMatchObject({ state: 'credited' });
    const [cents = 0] = await its.charged();
    expect(cents).toBeLessThanOrEqual(2000);
    // A cent more of credit would not fit.
    expect(cents).toBeGreaterThanOrEqual(1998);
    expect(await world.available(its.payer.organizationId)).toBe(reload.credit);
    expect(reload.total).toBe(nanos(BigInt(cents) * NANOS_PER_CENT));
    expect(asked[0]).toBe(usd('20'));
  });

  it('too small for the least purchase with its tax is said as that, and is no refusal', async () => {
    await its.save();
    await address();
    await its.set({ maxPerMonth: usd('5.50') }, taxed(19n));
    expect(await its.charged()).toEqual([]);
    expect(await theReload()).toMatchObject({ state: 'failed' });
    const { settings, evaluations } = await its.view();
    expect(settings).toMatchObject({ softDeclines: 0, declinedAt: null });
    expect(evaluations[0]).toMatchObject({ outcome: 'month_full_with_tax' });
    expect(evaluations[0]?.until).not.toBeNull();
    expect(await its.purchases()).toHaveLength(1);
    // Raising it ends that.
    await its.set({ maxPerMonth: usd('6') }, taxed(19n));
    expect(await its.charged()).toEqual([600]);
  });
});

describe('what no card was asked for is told as that', () => {
  it('no address where tax is due: nothing is tried until there is one, then at once', async () => {
    await its.save();
    const deps = taxed(0n);
    await its.set({}, deps);
    expect(await answers()).toEqual(['address_needed']);
    expect(await its.purchases()).toEqual([]);
    await address(deps);
    await evaluateDueReloads(deps);
    expect(await its.charged()).toEqual([5000]);
  });

  it('an address that cannot be taxed holds it until it is changed', async () => {
    await its.save();
    await address();
    const deps: typeof world.deps = {
      ...taxed(0n),
      tax: {
        ...world.deps.tax,
        calculate: async () => ({ outcome: 'refused', code: 'tax_no', detail: '' }),
      },
    };
    await its.set({}, deps);
    expect(await theReload()).toMatchObject({
      state: 'failed',
      failure: { code: 'customer_tax_location_invalid', class: 'FIX' },
    });
    expect((await answers())[0]).toBe('address_refused');
    await reloads.later('2 days');
    expect(await its.ask(deps)).toBe('address_refused');
    await address(taxed(0n), { ...BERLIN, city: 'Potsdam', postal_code: '14467' });
    await evaluateDueReloads(taxed(0n));
    expect(await its.charged()).toEqual([5000]);
    expect((await its.view()).settings).toMatchObject({ softDeclines: 0, declinedAt: null });
  });

  it('a key of ours that does not work is our fault: tried again in an hour, never a decline', async () => {
    await its.save();
    const broken = charging(async () => ({
      ...{ outcome: 'refused', code: 'authentication_error', detail: '' },
    }));
    await its.set({}, broken);
    expect((await theReload()).failure).toMatchObject({ class: 'US', who_acts: 'us' });
    expect((await answers())[0]).toBe('payments_down');
    expect((await its.view()).settings).toMatchObject({ softDeclines: 0, paused: null });
    expect(await its.ask()).toBe('payments_down');
    await reloads.later('61 minutes');
    await evaluateDueReloads(world.deps);
    expect(await its.charged()).toEqual([5000]);
    expect(await its.queued(LOW_TASK)).toBe(0);
  });
});
