import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { restingCards } from '#payments/cards-resting';
import { LISTED_CODES, wordsOf } from '#payments/decline-table';
import { type Purchase, refreshPurchase } from '#payments/purchases';
import { cardByName } from '#sims/stripe-sim/cards';
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

const VERIFY_ALWAYS = '4000002760003184';
const BLOCKED = '4100000000000019';

function numberOf(name: string): string {
  const card = cardByName(`sim_${name}`);
  if (card === undefined) throw new Error(`the simulator has no card for ${name}`);
  return card.number;
}

describe('a payment that is refused', () => {
  it('S20: every test card that declines ends in the words of its cause', async () => {
    const cards = LISTED_CODES.flatMap((code) => {
      const card = cardByName(`sim_${code}`);
      return card === undefined ? [] : [{ code, number: card.number }];
    });
    expect(cards.length).toBeGreaterThan(50);
    for (const { code, number } of cards) {
      const purchase = await world.begin(await world.organization(), '12');
      await world.pay(purchase, number, 'pass');
      const { state, failure } = await seen(purchase);
      expect([code, state]).toEqual([code, 'declined']);
      // What the processor's own checks call fraud is told as stopped by us, and by no other word.
      const told = code === 'fraudulent' || code === 'merchant_blacklist' ? undefined : code;
      if (told !== undefined) expect([code, failure?.title]).toEqual([code, wordsOf(told).title]);
      expect([code, failure?.charged, failure?.card?.last4]).toEqual([
        code,
        false,
        number.slice(-4),
      ]);
    }
  });

  it('S21: approved and then reversed, the hold is explained, and nobody is sent to the bank', async () => {
    const purchase = await world.begin(org, '9');
    await world.pay(purchase, numberOf('reversed_after_approval'));
    const { failure } = await seen(purchase);
    expect(failure).toMatchObject({ code: 'reversed_after_approval', class: 'US', who_acts: 'us' });
    expect(failure?.message).toContain('disappears by itself');
    const mistyped = await world.begin(org, '9');
    await world.pay(mistyped, numberOf('rule_zip'));
    const zip = (await seen(mistyped)).failure;
    expect(zip).toMatchObject({ code: 'incorrect_zip', class: 'FIX' });
    expect(zip?.message).toContain('disappears by itself');
  });

  it('S22: stopped by our checks is never told as the bank’s refusal', async () => {
    const purchase = await world.begin(org, '9');
    await world.pay(purchase, BLOCKED);
    const { failure } = await seen(purchase);
    expect(failure).toMatchObject({ code: 'blocked', class: 'US', who_acts: 'us' });
    expect(failure?.next_step).not.toMatch(/bank/);
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
    await world.pay(purchase, numberOf('do_not_try_again'), 'pass');
    expect((await seen(purchase)).failure).toMatchObject({ class: 'OTHER', same_card: 'never' });
    const [resting, ...more] = await restingCards(world.db.pool, own);
    expect(more).toEqual([]);
    expect(resting?.last4).toBe(numberOf('do_not_try_again').slice(-4));
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
