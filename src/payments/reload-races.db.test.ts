import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ZERO } from '#kernel/money';
import { LOW_TASK, tellWhenBelow } from '#ledger/low';
import { saveDetails } from '#payments/billing-details-sql';
import { CARD_CHOSEN_TASK, savedCards, syncCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { refreshPurchase } from '#payments/purchases';
import { evaluateDueReloads } from '#payments/reload';
import { endPause } from '#payments/reload-pauses';
import { pauseReload } from '#payments/reload-pauses-sql';
import { settlePayment } from '#payments/settle';
import { readTimeline } from '#payments/sql';
import { sweepEvents } from '#payments/sweep';
import { type Payer, toNextMonth } from '#test/ledger-world';
import { type PaymentsWorld, VISA } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld, usd } from '#test/reload-world';

let reloads: ReloadWorld;
let world: PaymentsWorld;
let its: Reloader;
let payer: Payer;

beforeAll(async () => {
  reloads = await reloadWorld();
  ({ world } = reloads);
});
afterAll(() => reloads?.close());
beforeEach(async () => {
  its = await reloads.reloader();
  ({ payer } = its);
});

const set: Reloader['set'] = (changes, deps) => its.set(changes, deps);
const ask: Reloader['ask'] = (deps) => its.ask(deps);
const view = () => its.view();
const purchases = () => its.purchases();
const save = (number = VISA) => its.save(number);
const spend = (text: string) => its.spend(text);
const charged = () => its.charged();
const queued = (task: string) => its.queued(task);
const later = (interval: string) => reloads.later(interval);
const control: ReloadWorld['control'] = (path, body) => reloads.control(path, body);

async function theReload() {
  const [reload] = await purchases();
  if (reload === undefined) throw new Error('nothing was decided');
  return reload;
}

type Charge = PaymentsDeps['cardCharges']['chargeCard'];
const charging = (chargeCard: Charge): PaymentsDeps => ({
  ...world.deps,
  cardCharges: { ...world.deps.cardCharges, chargeCard },
});
/** Tax is collected, and `meanwhile` happens while it is being computed. */
const taxing = (meanwhile: () => Promise<unknown>): PaymentsDeps => ({
  ...world.deps,
  automaticTax: true,
  tax: {
    ...world.deps.tax,
    async calculate() {
      await meanwhile();
      return {
        outcome: 'done',
        tax: { tax: usd('10'), total: usd('60'), lines: [], calculation: null },
      };
    },
  },
});

const address = () =>
  world.db.pool.query(
    saveDetails(payer.organizationId, 'user_ada', {
      ...{ name: 'Ada GmbH', line1: 'Hauptstr. 1', line2: '', city: 'Berlin', state: '' },
      ...{ postalCode: '10115', country: 'DE', taxIdType: null, taxId: null },
    }),
  );

describe('off means off', () => {
  it('also while the tax of a reload is being computed: no charge comes after the answer', async () => {
    await save();
    await address();
    let asked = 0;
    const off = taxing(async () => {
      asked += 1;
      await set({ enabled: false });
    });
    await set({}, off);
    expect(await charged()).toEqual([]);
    expect(await theReload()).toMatchObject({ state: 'failed', paymentMethodId: null });
    expect(asked).toBe(1);
  });

  it('and on again within a slow call is one charge: a call under way is not called failed', async () => {
    await save();
    const slow = charging(async (request) => {
      const { id } = await theReload();
      await set({ enabled: false });
      await refreshPurchase(world.deps, id, 'poller');
      await set();
      return world.deps.cardCharges.chargeCard(request);
    });
    await set({}, slow);
    expect(await charged()).toEqual([5000]);
    expect(await purchases()).toMatchObject([{ state: 'credited' }]);
  });
});

it('the key of a charge under way stays, whatever becomes of a question about tax beside it', async () => {
  await save();
  await address();
  const beside = taxing(async () => {
    await world.db.ownerPool.query({
      text: `UPDATE payments.purchases SET payment_method_id = 'pm_elsewhere'
        WHERE organization_id = $1 AND state = 'opening'`,
      values: [payer.organizationId],
    });
  });
  const { tax } = beside;
  await set(
    {},
    {
      ...beside,
      tax: {
        ...tax,
        async calculate(request) {
          await tax.calculate(request);
          return { outcome: 'unknown', detail: 'an error, repeated', replayed: true };
        },
      },
    },
  );
  expect(await theReload()).toMatchObject({ state: 'opening', attempt: 1 });
});

it('the end of a pause makes no settlement wait that tells of low credit', async () => {
  const { organizationId } = payer;
  const { pool } = world.db;
  // So that the kind of job is known, as it is once a worker ran.
  await tellWhenBelow(pool, organizationId, usd('1'));
  await pool.query(pauseReload(organizationId, 'dispute', 'du_1'));
  await pool.transaction(async (tx) => {
    await endPause(tx, organizationId, 'dispute', 'du_1');
    await pool.transaction(async (settlement) => {
      await settlement.query({ text: `SET LOCAL lock_timeout = '3s'` });
      await tellWhenBelow(settlement, organizationId, usd('1000'));
    });
  });
  expect(await queued(LOW_TASK)).toBeGreaterThan(0);
});

it('nobody is charged by itself who is suspended, and whoever is resumed is', async () => {
  await save();
  const status = (text: string) =>
    world.db.ownerPool.query({
      text: 'UPDATE orgs.organizations SET status = $2 WHERE id = $1',
      values: [payer.organizationId, text],
    });
  await status('suspended');
  await set();
  expect([await charged(), await ask()]).toEqual([[], 'paused']);
  expect(await view()).toMatchObject({ status: 'paused', paused: 'suspended' });
  await status('active');
  await later('61 minutes');
  await evaluateDueReloads(world.deps);
  expect(await charged()).toEqual([5000]);
});

it('a payment whose call is still under way is neither a refusal nor canceled', async () => {
  await save();
  const canceled: string[] = [];
  const { cardCharges } = world.deps;
  const busy: PaymentsDeps = {
    ...world.deps,
    cardCharges: {
      ...cardCharges,
      async chargeCard(request) {
        await cardCharges.chargeCard(request);
        return { outcome: 'unknown', detail: 'the key is in use', replayed: false };
      },
      async findPaymentOf(...of) {
        const found = await cardCharges.findPaymentOf(...of);
        if (found.outcome !== 'found') return found;
        return { ...found, payment: { ...found.payment, status: 'waiting', decline: null } };
      },
      async cancelPayment(id) {
        canceled.push(id);
      },
    },
  };
  await set({}, busy);
  const { id } = await theReload();
  await set({ enabled: false });
  await refreshPurchase(busy, id, 'poller');
  expect(await theReload()).toMatchObject({ state: 'opening' });
  expect(canceled).toEqual([]);
  expect(await view()).toMatchObject({ status: 'reloading', paused: null });
  await refreshPurchase(world.deps, id, 'poller');
  expect(await charged()).toEqual([5000]);
});

it('a refused payment is closed, though whoever recorded the refusal died before (S18)', async () => {
  await save('4000002760003184');
  const { cardCharges } = world.deps;
  const cancelPayment = () => Promise.reject(new Error('died'));
  const dying = { ...world.deps, cardCharges: { ...cardCharges, cancelPayment } };
  await expect(set({}, dying)).rejects.toThrow('died');
  const { id, paymentIntentId } = await theReload();
  await refreshPurchase(world.deps, id, 'poller');
  const read = await world.deps.processor.retrievePayment(paymentIntentId ?? '');
  expect(read).toMatchObject({ payment: { status: 'canceled' } });
});

it('a card that the network renewed is known without any webhook', async () => {
  await save();
  const [card] = await savedCards(world.deps, payer.organizationId);
  await control('card_updates', { payment_method: card?.id, exp_month: 4, exp_year: 2042 });
  await sweepEvents(world.deps);
  const [renewed] = await savedCards(world.deps, payer.organizationId);
  expect(renewed).toMatchObject({ expMonth: 4, expYear: 2042 });
});

it('nobody is charged where credits are not sold, whatever the card says', async () => {
  await save();
  await address();
  await world.db.pool.query({
    text: `UPDATE payments.billing_details SET country = 'RU' WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  await set();
  expect(await charged()).toEqual([]);
  expect(await purchases()).toEqual([]);
  expect(await ask()).toBe('region_not_sold');
});

describe('bounds', () => {
  it('count for a month what was paid in it, though it began in the month before', async () => {
    await save();
    await world.faults({ api: 'down' });
    await set({ maxPerMonth: usd('60') });
    await world.faults({});
    await toNextMonth(world.db.ownerPool);
    await refreshPurchase(world.deps, (await theReload()).id, 'poller');
    expect(await charged()).toEqual([5000]);
    await spend('45');
    await later('2 minutes');
    expect(await ask()).toBe('started');
    expect((await charged()).sort()).toEqual([1000, 5000]);
  });

  it('let no card be charged again while the payment of a reload is set aside', async () => {
    await save();
    const odd = charging((request) =>
      world.deps.cardCharges.chargeCard({ ...request, total: usd('51') }),
    );
    await set({}, odd);
    expect(await theReload()).toMatchObject({ state: 'quarantined' });
    await later('2 days');
    expect(await ask()).toBe('under_way');
    expect(await charged()).toEqual([5100]);
    await world.db.ownerPool.query({
      text: `UPDATE payments.quarantined_payments SET resolved_at = bursar.now()
        WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
    expect(await ask()).toBe('started');
  });

  it('see a reload that has been under way for days', async () => {
    await save();
    await world.faults({ api: 'down' });
    await set();
    await later('40 days');
    expect(await ask()).toBe('under_way');
    await world.faults({});
  });

  it('count the tax of one reload once, however many processes carry it on', async () => {
    await save();
    await address();
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const both = taxing(async () => {
      calls += 1;
      if (calls === 1) await gate.promise;
    });
    const first = set({ maxPerMonth: usd('60') }, both);
    await expect.poll(() => calls).toBe(1);
    const { id, organizationId } = await theReload();
    const slow = charging(async (request) => {
      gate.resolve();
      await first;
      return world.deps.cardCharges.chargeCard(request);
    });
    await refreshPurchase({ ...slow, automaticTax: true, tax: both.tax }, id, 'poller');
    expect(await charged()).toEqual([6000]);
    const timeline = await world.db.pool.query<{ state: string }>(
      readTimeline({ organizationId, id }),
    );
    expect(timeline.map(({ state }) => state)).toEqual(['draft', 'opening', 'credited']);
  });
});

describe('what held a reload back ends, and it is asked again', () => {
  it('when a dispute ends well', async () => {
    await save();
    const { organizationId } = payer;
    await world.db.pool.query(pauseReload(organizationId, 'dispute', 'du_one'));
    await set();
    expect((await view()).evaluations[0]?.outcome).toBe('paused');
    const end = () =>
      world.db.pool.transaction((tx) => endPause(tx, organizationId, 'dispute', 'du_one'));
    await end();
    expect(await queued(LOW_TASK)).toBe(1);
    expect(await ask()).toBe('started');
  });

  it('when whoever switched it on died before asking', async () => {
    await save();
    const dead = {
      ...world.deps,
      entropy: {
        ...world.deps.entropy,
        nowMs: () => {
          throw new Error('died');
        },
      },
    };
    await expect(set({}, dead)).rejects.toThrow('died');
    await evaluateDueReloads(world.deps);
    expect(await charged()).toEqual([5000]);
  });

  it('when the question for its tax was answered with an error that is kept for a day', async () => {
    await save();
    await address();
    const keys: string[] = [];
    const kept: PaymentsDeps = {
      ...world.deps,
      automaticTax: true,
      tax: {
        ...world.deps.tax,
        async calculate({ key }) {
          keys.push(key);
          const replayed = keys.filter((one) => one === key).length > 1;
          if (keys.length < 3) return { outcome: 'unknown', detail: 'error 500', replayed };
          const tax = { tax: ZERO, total: usd('50'), lines: [], calculation: null };
          return replayed
            ? { outcome: 'unknown', detail: 'error 500', replayed }
            : { outcome: 'done', tax };
        },
      },
    };
    await set({}, kept);
    const { id } = await theReload();
    for (const _ of [1, 2]) await refreshPurchase(kept, id, 'poller');
    expect(new Set(keys).size).toBe(2);
    expect(await charged()).toEqual([5000]);
  });

  it('when the network renews the card that had expired', async () => {
    await save();
    const [card] = await savedCards(world.deps, payer.organizationId);
    const before = await queued(CARD_CHOSEN_TASK);
    await control('card_updates', { payment_method: card?.id, exp_month: 3, exp_year: 2041 });
    expect(await syncCards(world.deps, payer.organizationId)).toBe('synced');
    expect(await queued(CARD_CHOSEN_TASK)).toBe(before + 1);
    await syncCards(world.deps, payer.organizationId);
    expect(await queued(CARD_CHOSEN_TASK)).toBe(before + 1);
  });
});

it('refusals count one after the other: a reload that a webhook credits ends the row', async () => {
  await save();
  await set({ enabled: false });
  await world.db.ownerPool.query({
    text: `UPDATE payments.auto_reload SET soft_declines = 2, enabled = true, consent_at = bursar.now(),
        declined_at = bursar.now() - interval '2 days' WHERE organization_id = $1`,
    values: [payer.organizationId],
  });
  let payment = '';
  const lost = charging(async (request) => {
    const answer = await world.deps.cardCharges.chargeCard(request);
    if (answer.outcome === 'answered') payment = answer.payment.id;
    throw new Error('died');
  });
  await expect(ask(lost)).rejects.toThrow('died');
  expect(await settlePayment(world.deps, payment, 'webhook')).toEqual({ outcome: 'credited' });
  expect((await view()).settings).toMatchObject({ softDeclines: 0, declinedAt: null });
});
