import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PaymentsDeps } from '#payments/deps';
import { refreshPurchase } from '#payments/purchases';
import type { PaymentsWorld } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld, usd } from '#test/reload-world';

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

describe('while the card of a reload is being charged', () => {
  const during = (meanwhile: () => Promise<unknown>) =>
    ((): PaymentsDeps => {
      const { cardCharges } = world.deps;
      const chargeCard: typeof cardCharges.chargeCard = async (request) => {
        await meanwhile();
        return cardCharges.chargeCard(request);
      };
      return { ...world.deps, cardCharges: { ...cardCharges, chargeCard } };
    })();

  it('a purchase by hand is credited too, and no second reload comes of it (F73)', async () => {
    await its.save();
    const byHand = async () => {
      const purchase = await world.begin(its.payer.organizationId, '25');
      await world.pay(purchase);
      await refreshPurchase(world.deps, purchase.id);
    };
    await its.set({}, during(byHand));
    expect((await its.charged()).sort()).toEqual([2500, 5000]);
    expect(await world.available(its.payer.organizationId)).toBe(usd('75'));
    expect(await its.ask()).toBe('enough');
    expect(await its.purchases()).toHaveLength(2);
  });

  it('another threshold and target are for the next one: it buys what was decided (F76)', async () => {
    await its.save();
    await its.set(
      {},
      during(() => its.set({ threshold: usd('5'), target: usd('20') })),
    );
    expect(await its.charged()).toEqual([5000]);
    expect(await world.available(its.payer.organizationId)).toBe(usd('50'));
    expect((await its.view()).settings).toMatchObject({ target: usd('20') });
  });
});
