import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ZERO } from '#kernel/money';
import { LOW_TASK } from '#ledger/low';
import { CARD_CHOSEN_TASK, makeDefault, savedCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { refreshPurchase } from '#payments/purchases';
import { requestRefund } from '#payments/refunds';
import { evaluateDueReloads } from '#payments/reload';
import { reloadCardChanged } from '#payments/reload-settings';
import { chargingOn, give, hold, type Payer, settle } from '#test/ledger-world';
import { type PaymentsWorld, VISA } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld, usd } from '#test/reload-world';

const NO_MONEY_LATER = '4000000000000341';
const VERIFY_ALWAYS = '4000002760003184';
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

const set: Reloader['set'] = (changes = {}, deps = world.deps) =>
  its.set({ maxPerDay: 3, ...changes }, deps);
const ask: Reloader['ask'] = (deps) => its.ask(deps);
const view = () => its.view();
const purchases = () => its.purchases();
const save = (number: string) => its.save(number);
const spend = (text: string) => its.spend(text);
const charged = () => its.charged();
const queued = (task: string) => its.queued(task);
const told = () => queued(LOW_TASK);
const later = (interval: string) => reloads.later(interval);
const answers = async () => (await view()).evaluations.map(({ outcome }) => outcome);

describe('switching it on', () => {
  it('below the threshold buys at once, one charge, one grant (F72)', async () => {
    await save(VISA);
    expect(await set()).toEqual({ outcome: 'saved' });
    expect(await charged()).toEqual([5000]);
    expect(await world.available(payer.organizationId)).toBe(usd('50'));
    expect(await purchases()).toMatchObject([{ state: 'credited', trigger: 'auto_reload' }]);
    expect(await answers()).toEqual(['enough', 'started']);
    expect((await view()).status).toBe('on');
  });

  it.each([
    [{ target: usd('10') }, 'target_usd'],
    [{ threshold: usd('0.001') }, 'threshold_usd'],
    [{ maxPerDay: 25 }, 'max_per_day'],
    [{ maxPerMonth: ZERO }, 'max_usd_per_month'],
    [{ target: usd('20000') }, 'target_usd'],
  ])('refuses what cannot be, by its field: %#', async (changes, field) => {
    expect(await set(changes)).toMatchObject({ outcome: 'invalid', field });
    expect((await view()).settings).toBeUndefined();
  });

  it('is a thing of its own: buying credits never does it (S17)', async () => {
    await save(VISA);
    await set({ enabled: false });
    await world.pay(await world.begin(payer.organizationId, '5'));
    expect((await view()).settings?.enabled).toBe(false);
    expect((await view()).settings?.consentAt).toBeNull();
  });
});

describe('credit that runs low', () => {
  it('is told once, in the transaction that crosses the threshold', async () => {
    await give(world.db.pool, payer, usd('60'));
    await set();
    expect(await told()).toBe(0);
    await spend('49');
    expect(await told()).toBe(0);
    await spend('2');
    expect(await told()).toBe(1);
    await spend('2');
    expect(await told()).toBe(1);
  });

  it('counts what is held as not spent', async () => {
    await give(world.db.pool, payer, usd('60'));
    await set();
    expect((await hold(reloads.node.charging, payer, usd('55'))).outcome).toBe('held');
    expect(await told()).toBe(0);
    expect(await ask()).toBe('enough');
  });

  it('is bought once by a crowd of askers (S16)', async () => {
    await save(VISA);
    await give(world.db.pool, payer, usd('60'));
    await set();
    await spend('55');
    await world.faults({ api_delay_ms: 200 });
    await Promise.all(Array.from({ length: 40 }, () => ask()));
    await world.faults({ api_delay_ms: 0 });
    expect(await charged()).toEqual([4500]);
    expect(await world.available(payer.organizationId)).toBe(usd('50'));
  });

  it('is not bought twice within a minute, and goes on after it (F74)', async () => {
    await save(VISA);
    await set();
    await spend('45');
    expect(await ask()).toBe('cooling_down');
    expect(await charged()).toEqual([5000]);
    await later('61 seconds');
    await evaluateDueReloads(world.deps);
    expect((await charged()).sort()).toEqual([4500, 5000]);
  });

  it('never costs more in a month than was agreed', async () => {
    await save(VISA);
    await set({ maxPerMonth: usd('60'), maxPerDay: 24 });
    await spend('45');
    await later('2 minutes');
    expect(await ask()).toBe('started');
    expect((await charged()).sort()).toEqual([1000, 5000]);
    await spend('14');
    await later('2 minutes');
    expect(await ask()).toBe('month_full');
    expect((await charged()).length).toBe(2);
  });

  it('without a card is said, and bought when there is one', async () => {
    await set();
    expect(await answers()).toEqual(['no_card']);
    await save(VISA);
    await reloadCardChanged(world.deps, payer.organizationId);
    expect(await charged()).toEqual([5000]);
  });
});

describe('off means off', () => {
  it('a reload that was decided and not yet charged is dropped (F77)', async () => {
    await save(VISA);
    await give(world.db.pool, payer, usd('60'));
    await set();
    await spend('55');
    // The process dies right after its decision: the card cannot be reached.
    const dead = { ...world.deps, cardCharges: { ...world.deps.cardCharges, chargeCard: never } };
    await expect(ask(dead)).rejects.toThrow('died');
    const [decided] = await purchases();
    await set({ enabled: false });
    if (decided === undefined) throw new Error('nothing was decided');
    await later('2 minutes');
    await refreshPurchase(world.deps, decided.id, 'poller');
    expect(await charged()).toEqual([]);
    expect(await purchases()).toMatchObject([{ state: 'failed' }]);
  });

  it('wins every race it is in, or the charge was made before (1 charge at most)', async () => {
    await save(VISA);
    await give(world.db.pool, payer, usd('60'));
    await set();
    await spend('55');
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([ask(), set({ enabled: false })]);
      const before = (await charged()).length;
      await Promise.all([ask(), ask()]);
      expect((await charged()).length).toBe(before);
      if (before > 0) break;
      await world.db.pool.query({
        text: 'UPDATE payments.auto_reload SET enabled = true WHERE organization_id = $1',
        values: [payer.organizationId],
      });
    }
    expect((await charged()).length).toBeLessThanOrEqual(1);
  });

  it('charges made before are credited all the same', async () => {
    await save(VISA);
    const slow = {
      ...world.deps,
      cardCharges: {
        ...world.deps.cardCharges,
        async chargeCard(...request: Parameters<PaymentsDeps['cardCharges']['chargeCard']>) {
          await world.deps.cardCharges.chargeCard(...request);
          await set({ enabled: false });
          throw new Error('died');
        },
      },
    };
    await expect(set({}, slow)).rejects.toThrow('died');
    const [reload] = await purchases();
    if (reload === undefined) throw new Error('nothing was decided');
    await refreshPurchase(world.deps, reload.id, 'poller');
    expect(await charged()).toEqual([5000]);
    expect(await world.available(payer.organizationId)).toBe(usd('50'));
  });
});

describe('money that goes back', () => {
  it('switches it off: what an operator refunds is not charged again', async () => {
    await save(VISA);
    await set();
    const [reload] = await purchases();
    const refunded = await world.db.pool.transaction((tx) =>
      requestRefund(tx, world.deps.entropy, {
        purchaseId: reload?.id ?? '',
        amount: 'all',
        reason: 'bought by mistake',
        actor: 'operator',
      }),
    );
    expect(refunded.outcome).toBe('requested');
    expect(await world.available(payer.organizationId)).toBe(0n);
    await later('2 minutes');
    expect(await ask()).toBe('off');
    await evaluateDueReloads(world.deps);
    expect(await charged()).toEqual([5000]);
    expect((await view()).settings).toMatchObject({ enabled: false, changedBy: 'operator' });
  });
});

describe('a card that says no', () => {
  it('is asked again after a day, and paused after three times (S19, F75)', async () => {
    await save(NO_MONEY_LATER);
    await set();
    expect(await purchases()).toMatchObject([{ state: 'failed', failure: { charged: false } }]);
    expect(await ask()).not.toBe('started');
    for (const _ of [1, 2]) {
      await later('4 days');
      await ask();
    }
    expect(await purchases()).toHaveLength(3);
    expect(await view()).toMatchObject({ status: 'paused', paused: 'declined_repeatedly' });
    await later('30 days');
    expect(await ask()).toBe('paused');
    // A new card knows nothing of it.
    await save(VISA);
    const fresh = (await savedCards(world.deps, payer.organizationId)).find(
      (card) => !card.isDefault,
    );
    await makeDefault(world.deps, payer.organizationId, fresh?.id ?? '');
    expect(await queued(CARD_CHOSEN_TASK)).toBeGreaterThan(0);
    await reloadCardChanged(world.deps, payer.organizationId);
    expect(await charged()).toEqual([5000]);
    expect(await view()).toMatchObject({ status: 'on', paused: null });
  });

  it('that wants its owner is paused at once, and nothing is left open there (S18, F61)', async () => {
    await save(VERIFY_ALWAYS);
    await set();
    expect(await view()).toMatchObject({ status: 'paused', paused: 'verification_required' });
    expect(await ask()).toBe('paused');
    expect(await purchases()).toHaveLength(1);
    expect(await charged()).toEqual([]);
  });
});

describe('an answer that is lost', () => {
  it('is asked for again under the same key: one charge, one grant (S15)', async () => {
    await save(VISA);
    await world.faults({ api: 'error_500_after' });
    await set();
    await world.faults({ api: 'normal' });
    const [reload] = await purchases();
    if (reload === undefined) throw new Error('nothing was decided');
    await refreshPurchase(world.deps, reload.id, 'poller');
    expect(await charged()).toEqual([5000]);
    expect(await world.available(payer.organizationId)).toBe(usd('50'));
    expect(await purchases()).toMatchObject([{ state: 'credited' }]);
  });
});

describe('ten thousand settlements across the threshold on two nodes', () => {
  // In an affordable size: the crossing is the same, however many come after it.
  const ROUNDS = 10;
  const SETTLEMENTS = 400;

  it('make one charge, with a slow processor and an asker for each of them (S16, F71)', async () => {
    const other = chargingOn(world.db.url);
    await world.faults({ api_delay_ms: 100 });
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        its = await reloads.reloader();
        ({ payer } = its);
        await save(VISA);
        await give(world.db.pool, payer, usd('50'));
        await set();
        const crowd = Array.from({ length: SETTLEMENTS }, async (_, index) => {
          const { charging } = index % 2 === 0 ? reloads.node : other;
          const held = await hold(charging, payer, usd('0.11'));
          if (held.outcome !== 'held') throw new Error(held.outcome);
          await settle(charging, payer, held.id, usd('0.11'));
          if (index % 10 === 0) await ask();
        });
        await Promise.all(crowd);
        expect(await told()).toBe(1);
        await Promise.all([ask(), ask(), evaluateDueReloads(world.deps)]);
        const [amount = 0, ...more] = await charged();
        expect(more).toEqual([]);
        expect(amount).toBeGreaterThan(4000);
        expect(await purchases()).toMatchObject([{ state: 'credited' }]);
      }
    } finally {
      await world.faults({ api_delay_ms: 0 });
      await other.close();
    }
  }, 120_000);
});

async function never(): Promise<never> {
  throw new Error('died');
}
