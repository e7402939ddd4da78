import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId, type OrganizationId } from '#kernel/ids';
import { refreshPurchase } from '#payments/purchases';
import { pauseReload } from '#payments/reload-pauses-sql';
import { settlePayment } from '#payments/settle';
import { systemEntropy } from '#src/system';
import { give, usd } from '#test/ledger-world';
import { type NoticesWorld, noticesWorld } from '#test/notices-world';
import { NO_FUNDS } from '#test/payments';
import { lookAtCredit } from './credit-watch.ts';
import { teller } from './tell.ts';

const NEEDS_3DS = '4000002760003184';

let world: NoticesWorld;
let people = 0;
beforeAll(async () => {
  world = await noticesWorld();
});
afterAll(() => world.close());

/** Spends with its own card, and has an admin to tell. */
async function organization() {
  const reloader = await world.reloads.reloader();
  const { organizationId } = reloader.payer;
  const admin = `admin${people++}@example.com`;
  await world.member(organizationId, admin, 'admin');
  return { reloader, organizationId, admin };
}

async function buy(organizationId: OrganizationId, amount: string): Promise<void> {
  const { world: payments } = world.reloads;
  const purchase = await payments.begin(organizationId, amount, world.payments);
  await payments.pay(purchase);
  const page = await world.payments.processor.retrieveCheckout(purchase.sessionId ?? '');
  if (page.outcome !== 'found') throw new Error(page.outcome);
  const payment = page.checkout.paymentIntentId ?? '';
  await Promise.all([
    settlePayment(world.payments, payment, 'return_page'),
    settlePayment(world.payments, payment, 'poller'),
  ]);
}

describe('a purchase', () => {
  test('is followed by one receipt, however many learn of the payment', async () => {
    const { organizationId, admin } = await organization();
    await buy(organizationId, '25');
    await world.work(2);
    expect(await world.told(organizationId)).toEqual(['receipt']);
    const [mail, ...more] = world.mailsTo(admin);
    expect(more).toEqual([]);
    expect(mail?.subject).toBe('Your receipt: $25.00 of credits (Test)');
    expect(mail?.text).toMatch(/Credits: +\$25\.00\n/);
    expect(mail?.text).toMatch(/Expires: +\d+ \w+ \d{4}, \d\d:\d\d UTC/);
    expect(mail?.html).toContain('$25.00');
    expect(mail?.id).toMatch(/^mail_\w+@bursar\.test$/);
    // A receipt is for somebody, always.
    expect(mail?.unsubscribeUrl).toBeUndefined();
  });
});

describe('auto-reload', () => {
  test('that buys says so once, and it is the receipt', async () => {
    const { reloader, organizationId, admin } = await organization();
    await give(world.deps.pool, reloader.payer, usd('5'), { kind: 'promotional' });
    await reloader.save();
    await reloader.set({}, world.payments);
    await world.work(2);
    expect(await world.told(organizationId)).toEqual(['reload_made']);
    expect(world.mailsTo(admin)[0]?.subject).toBe('Auto-reload bought $45.00 of credits (Test)');
  });

  test('whose card is refused for now says that it rests', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.save('4000000000000341');
    await reloader.set({}, world.payments);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_failed']);
    expect(world.mailsTo(admin)[0]?.text).toContain('The card rests for a day');
  });

  test('that the bank wants confirmed pauses, and links to a normal purchase', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.save(NEEDS_3DS);
    await reloader.set({}, world.payments);
    await reloader.ask(world.payments);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_paused']);
    const [mail] = world.mailsTo(admin);
    expect(mail?.text).toContain('http://127.0.0.1:4000/settings/billing?buy=1');
    expect(mail?.text).toContain('Your bank wants you to confirm');
  });

  test('that its cap holds back says so once, however often it is asked', async () => {
    const { reloader, organizationId } = await organization();
    await reloader.save();
    await reloader.set({ maxPerMonth: usd('4') }, world.payments);
    for (let times = 0; times < 3; times++) await reloader.ask(world.payments);
    expect(await world.told(organizationId)).toEqual(['reload_capped']);
  });

  test('that needs an address says so once, though nothing was tried', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.save();
    const taxed = { ...world.payments, automaticTax: true };
    await reloader.set({}, taxed);
    for (let times = 0; times < 3; times++) await reloader.ask(taxed);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_capped']);
    const [mail] = world.mailsTo(admin);
    expect(mail?.subject).toBe('Auto-reload needs your billing address (Test)');
    expect(mail?.text).toContain('Nothing is bought by itself until you enter it');
  });

  test('that meets a fault on our side says that, once a day, and never that a card rests', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.save();
    const broken: typeof world.payments = {
      ...world.payments,
      cardCharges: {
        ...world.payments.cardCharges,
        chargeCard: async () => ({ outcome: 'refused', code: 'authentication_error', detail: '' }),
      },
    };
    // Saved anew it is tried anew, and fails anew.
    for (let times = 0; times < 3; times++) await reloader.set({}, broken);
    expect(await reloader.purchases()).toHaveLength(3);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_capped']);
    const [mail] = world.mailsTo(admin);
    expect(mail?.subject).toBe('Auto-reload waits for a fault on our side (Test)');
    expect(mail?.text).not.toContain('rests');
  });
});

describe('auto-reload that waits for the operator', () => {
  test('says so when it would be needed, and not before', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.save();
    await give(world.deps.pool, reloader.payer, usd('20'), { kind: 'promotional' });
    await world.deps.pool.query(pauseReload(organizationId, 'fraud_warning', 'issfr_1'));
    await reloader.set({}, world.payments);
    expect(await world.told(organizationId)).toEqual([]);
    await reloader.spend('12');
    for (let times = 0; times < 3; times++) await reloader.ask(world.payments);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_capped']);
    const [mail] = world.mailsTo(admin);
    expect(mail?.subject).toBe('Auto-reload waits until we have looked at a payment (Test)');
  });
});

describe('credit that runs low', () => {
  test('with auto-reload on and no card to charge, that is told once', async () => {
    const { reloader, organizationId, admin } = await organization();
    await reloader.set({}, world.payments);
    for (let times = 0; times < 3; times++) await reloader.ask(world.payments);
    await world.work();
    expect(await world.told(organizationId)).toEqual(['reload_capped']);
    expect(world.mailsTo(admin)[0]?.subject).toBe('Auto-reload has no card it may charge (Test)');
  });

  test('a balance that moves around its mark is told of once until it was well above', async () => {
    const { reloader, organizationId } = await organization();
    await give(world.deps.pool, reloader.payer, usd('6'));
    await world.work();
    await reloader.spend('1.5');
    await world.work(2);
    expect(await world.told(organizationId)).toEqual(['low_balance']);
    for (let times = 0; times < 3; times++) {
      await give(world.deps.pool, reloader.payer, usd('0.9'));
      await world.work();
      await reloader.spend('0.9');
      await world.work();
    }
    expect(await world.told(organizationId)).toEqual(['low_balance']);
    await give(world.deps.pool, reloader.payer, usd('4'));
    await world.work();
    await reloader.spend('4');
    await world.work();
    expect(await world.told(organizationId)).toEqual(['low_balance', 'low_balance']);
  });

  test('that is used up turns access off, once, and a purchase turns it on again', async () => {
    const { reloader, organizationId, admin } = await organization();
    await give(world.deps.pool, reloader.payer, usd('6'));
    await world.work();
    await reloader.spend('6');
    await world.work(2);
    expect(await world.told(organizationId)).toEqual(['out_of_credit']);
    expect(world.mailsTo(admin)[0]?.subject).toBe('Your Bursar API access is turned off (Test)');
    await buy(organizationId, '5');
    await world.work(2);
    expect((await world.told(organizationId)).sort()).toEqual(
      ['credit_recovered', 'out_of_credit', 'receipt'].sort(),
    );
  });

  test('is off too when a request is refused with cents left, and not with dollars left', async () => {
    const { reloader, organizationId } = await organization();
    await give(world.deps.pool, reloader.payer, usd('6'));
    await world.work();
    await reloader.spend('3');
    await world.work();
    await lookAtCredit(world.deps, organizationId, 'refused');
    expect(await world.told(organizationId)).toEqual(['low_balance']);
    await reloader.spend('2.5');
    await world.work();
    await Promise.all([
      lookAtCredit(world.deps, organizationId, 'refused'),
      lookAtCredit(world.deps, organizationId, 'refused'),
    ]);
    expect(await world.told(organizationId)).toEqual(['low_balance', 'out_of_credit']);
  });

  test('of an organization that never had any is nobody’s news', async () => {
    const { organizationId } = await organization();
    await lookAtCredit(world.deps, organizationId, 'refused');
    await world.work();
    expect(await world.told(organizationId)).toEqual([]);
  });

  test('and is spent before anybody looked is told all the same', async () => {
    const { reloader, organizationId } = await organization();
    await give(world.deps.pool, reloader.payer, usd('1'));
    await reloader.spend('1');
    await world.work();
    expect(await world.told(organizationId)).toEqual(['out_of_credit']);
  });
});

describe('telling', () => {
  const notice = (organizationId: string, key: string) => ({
    ...{ organizationId, kind: 'receipt', key },
    facts: { amount_usd: '5', total_usd: '5' },
  });

  test('is undone with the transaction in which it happened', async () => {
    const { organizationId } = await organization();
    const tell = teller(systemEntropy);
    const failed = world.deps.pool.transaction(async (tx) => {
      await tell(tx, notice(organizationId, 'pur_1'));
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect(await world.told(organizationId)).toEqual([]);
  });

  test('twice, by two processes at once, is one notice, one mail and one event', async () => {
    const { organizationId, admin } = await organization();
    const tell = teller(systemEntropy);
    await Promise.all(
      [1, 2, 3].map(() =>
        world.deps.pool.transaction((tx) => tell(tx, notice(organizationId, 'pur_2'))),
      ),
    );
    await world.work(3);
    await world.work();
    expect(world.mailsTo(admin)).toHaveLength(1);
    const events = world.events.filter((event) => event.organizationId === organizationId);
    expect(events).toMatchObject([{ type: 'purchase.credited', data: { amount_usd: '5' } }]);
  });

  test('an organization without a person tells programs all the same', async () => {
    const organizationId = newId('organization', systemEntropy);
    await world.deps.pool.query({
      text: `INSERT INTO orgs.organizations (id, name) VALUES ($1, 'Nobody')`,
      values: [organizationId],
    });
    const tell = teller(systemEntropy);
    await world.deps.pool.transaction((tx) => tell(tx, notice(organizationId, 'pur_3')));
    await world.work();
    expect(world.events.some((event) => event.organizationId === organizationId)).toBe(true);
  });
});

test('a payment that a person could not make is told once, whatever card is tried', async () => {
  const { organizationId, admin } = await organization();
  const { world: payments } = world.reloads;
  const purchase = await payments.begin(organizationId, '30', world.payments);
  for (const number of [NO_FUNDS, '4000000000009987']) {
    await payments.pay(purchase, number);
    await refreshPurchase(world.payments, purchase.id, 'poller');
  }
  await world.work();
  expect(await world.told(organizationId)).toEqual(['payment_failed']);
  expect(world.mailsTo(admin)[0]?.text).toContain('You were not charged');
});
