import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { restingCards } from '#payments/cards-resting';
import { type Purchase, refreshPurchase } from '#payments/purchases';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

let world: PaymentsWorld;
let org: OrganizationId;

beforeAll(async () => {
  world = await paymentsWorld();
  org = await world.organization();
});
afterAll(() => world?.close());

async function seen(purchase: Purchase): Promise<Purchase> {
  const refreshed = await refreshPurchase(world.deps, purchase.id);
  if (refreshed.outcome !== 'refreshed') throw new Error(`not refreshed: ${refreshed.outcome}`);
  return refreshed.purchase;
}

/** Test numbers of the processor, and the simulator's own for further codes. */
const NUMBERS: Readonly<Record<string, string>> = {
  charge_declined: '4000000000000002',
  no_funds: '4000000000009995',
  lost: '4000000000009987',
  stolen: '4000000000009979',
  expired: '4000000000000069',
  wrong_cvc: '4000000000000127',
  error: '4000000000000119',
  velocity: '4000000000006975',
  fails_later: '4000000000000341',
  verify_no_money: '4000008260003178',
  verify_declined: '4000008400001629',
  incorrect_zip: '4000990000000012',
  expired_card: '4000990000000103',
  insufficient_funds: '4000990000000129',
  withdrawal_count_limit_exceeded: '4000990000000137',
  card_velocity_exceeded: '4000990000000145',
  try_again_later: '4000990000000178',
  reenter_transaction: '4000990000000186',
  issuer_not_available: '4000990000000194',
  processing_error: '4000990000000202',
  do_not_honor: '4000990000000293',
  generic_decline: '4000990000000301',
  call_issuer: '4000990000000319',
  service_not_allowed: '4000990000000343',
  transaction_not_allowed: '4000990000000350',
  restricted_card: '4000990000000368',
  revocation_of_authorization: '4000990000000392',
  do_not_try_again: '4000990000000418',
  pickup_card: '4000990000000442',
  fraudulent: '4000990000000459',
};

const VERIFY_ALWAYS = '4000002760003184';
const BLOCKED = '4100000000000019';

describe('a payment that is refused', () => {
  it('S20: every test card that declines ends in words of its cause, never a bare failure', async () => {
    const purchase = await world.begin(org, '12');
    const texts = new Map<string, string>();
    for (const [name, number] of Object.entries({ ...NUMBERS, blocked: BLOCKED })) {
      await world.pay(purchase, number, 'pass');
      const { state, failure } = await seen(purchase);
      expect(state, name).toBe('declined');
      if (failure === null) throw new Error(`${name}: no failure`);
      expect(failure.card?.last4, name).toBe(number.slice(-4));
      const text = `${failure.title} ${failure.message}`;
      expect(texts.get(text) ?? failure.code, name).toBe(failure.code);
      texts.set(text, failure.code);
    }
    expect(texts.size).toBeGreaterThan(15);
  });

  it('S35: after a failed verification another card pays the same purchase', async () => {
    const before = await world.available(org);
    const purchase = await world.begin(org, '9');
    await world.pay(purchase, VERIFY_ALWAYS, 'fail');
    const failed = await seen(purchase);
    expect(failed.failure).toMatchObject({
      code: 'payment_intent_authentication_failure',
      class: 'AUTH',
      same_card: 'with_you_present',
    });
    expect(failed.redirectUrl).toBe(purchase.redirectUrl);
    await world.pay(purchase, VISA);
    expect((await seen(purchase)).state).toBe('credited');
    expect(await world.available(org)).toBe(before + (parseUsd('9') ?? 0n));
  });

  it('S35: a failed verification after a blocked card is not told as blocked', async () => {
    const purchase = await world.begin(org, '9');
    await world.pay(purchase, BLOCKED, 'pass');
    expect((await seen(purchase)).failure?.class).toBe('US');
    await world.pay(purchase, VERIFY_ALWAYS, 'fail');
    expect((await seen(purchase)).failure?.class).toBe('AUTH');
  });

  it('S39: a card that must not be tried again rests three days, any other pays at once', async () => {
    const own = await world.organization();
    const purchase = await world.begin(own, '9');
    await world.pay(purchase, NUMBERS.do_not_try_again, 'pass');
    expect((await seen(purchase)).failure).toMatchObject({ class: 'OTHER', same_card: 'never' });
    const [resting, ...more] = await restingCards(world.db.pool, own);
    expect(more).toEqual([]);
    expect(resting?.last4).toBe(NUMBERS.do_not_try_again?.slice(-4));
    const hours = world.db.ownerPool.query<{ hours: string }>({
      text: `SELECT (extract(epoch FROM rested_until - rested_at) / 3600)::int::text AS hours
        FROM payments.resting_cards WHERE organization_id = $1`,
      values: [own],
    });
    expect(await hours).toEqual([{ hours: '72' }]);
    await world.pay(purchase, VISA);
    expect((await seen(purchase)).state).toBe('credited');
    // Nobody else's card rests for it.
    expect(await restingCards(world.db.pool, await world.organization())).toEqual([]);
  });

  it('a card short of money is not rested: it may be topped up and used at once', async () => {
    const own = await world.organization();
    const purchase = await world.begin(own, '9');
    await world.pay(purchase, '4000000000009995');
    expect((await seen(purchase)).failure?.class).toBe('FUND');
    expect(await restingCards(world.db.pool, own)).toEqual([]);
  });
});
