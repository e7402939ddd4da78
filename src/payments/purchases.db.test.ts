import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { nanos, parseUsd, ZERO } from '#kernel/money';
import type { CheckoutRequest, Processor } from '#payments/processor';
import { viewPurchase } from '#payments/purchase-view';
import {
  beginPurchase,
  cancelPurchase,
  findOpenPurchase,
  listPurchases,
  readPurchase,
  refreshPurchase,
} from '#payments/purchases';
import { stripeProcessor } from '#payments/stripe';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;
const request = (organizationId: OrganizationId, text: string, nonce?: string) => ({
  organizationId,
  amount: usd(text),
  trigger: 'manual' as const,
  actor: 'user_test',
  ...(nonce === undefined ? {} : { nonce }),
});

/** Pages the processor has for this organization's customer. */
async function pages(organizationId: OrganizationId): Promise<string[]> {
  const url = new URL(world.simUrl);
  const stripe = new Stripe(world.secretKey, {
    host: url.hostname,
    port: url.port,
    protocol: 'http',
    telemetry: false,
  });
  const list = await stripe.checkout.sessions.list({ limit: 100 });
  return list.data
    .filter((session) => session.metadata?.org_id === organizationId)
    .map((session) => session.status ?? '');
}

describe('beginning a purchase', () => {
  it('decides the limits before anything is stored or asked', async () => {
    const org = await world.organization();
    const { deps } = world;
    expect(await beginPurchase(deps, request(org, '4.99'))).toMatchObject({
      outcome: 'amount_too_small',
    });
    expect(await beginPurchase(deps, request(org, '10000.01'))).toMatchObject({
      outcome: 'amount_too_large',
    });
    expect(await beginPurchase(deps, request(org, '5.001'))).toEqual({
      outcome: 'amount_not_cents',
    });
    expect(await beginPurchase({ ...deps, maximum: usd('20') }, request(org, '20.01'))).toEqual({
      outcome: 'amount_too_large',
      maximum: usd('20'),
    });
    expect(await listPurchases(deps.pool, org, 10)).toEqual([]);
  });

  it('goes by what the tier lets its organizations buy, and never below the least of all', async () => {
    const org = await world.organization();
    const asked: string[] = [];
    const of = (least: string | null, most: string | null) => ({
      ...world.deps,
      async tierBounds(organizationId: string) {
        asked.push(organizationId);
        const amount = (text: string | null) => (text === null ? null : usd(text));
        return { least: amount(least), most: amount(most) };
      },
    });
    expect(await beginPurchase(of('20', '100'), request(org, '19.99'))).toEqual({
      outcome: 'amount_too_small',
      minimum: usd('20'),
    });
    expect(await beginPurchase(of('20', '100'), request(org, '100.01'))).toEqual({
      outcome: 'amount_too_large',
      maximum: usd('100'),
    });
    expect(await beginPurchase(of('1', null), request(org, '4.99'))).toEqual({
      outcome: 'amount_too_small',
      minimum: usd('5'),
    });
    expect(await beginPurchase(of(null, '20000'), request(org, '15000'))).toMatchObject({
      outcome: 'opened',
    });
    expect(new Set(asked)).toEqual(new Set([org]));
  });

  it('leads to a payment page and says so in words', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    const view = await viewPurchase(world.deps.pool, purchase);
    expect(view).toMatchObject({
      type: 'purchase',
      state: 'awaiting_customer',
      trigger: 'manual',
      amount_usd: '5',
      tax_usd: '0',
      total_usd: '5',
      grant_id: null,
      failure: null,
      receipt_url: null,
    });
    expect(view.redirect_url).toMatch(/^http/);
    expect(view.timeline.map((row) => row.state)).toEqual([
      'draft',
      'opening',
      'awaiting_customer',
    ]);
    expect((await findOpenPurchase(world.deps.pool, org))?.id).toBe(purchase.id);
  });

  it('is the same purchase however often one form is sent (S14)', async () => {
    const org = await world.organization();
    const clicks = await Promise.all(
      Array.from({ length: 5 }, () => beginPurchase(world.deps, request(org, '7', 'form-0001'))),
    );
    const ids = clicks.map((begun) => ('purchase' in begun ? begun.purchase.id : begun.outcome));
    expect(new Set(ids).size).toBe(1);
    expect(await listPurchases(world.deps.pool, org, 10)).toHaveLength(1);
    expect(await pages(org)).toEqual(['open']);
    expect(await beginPurchase(world.deps, request(org, '8', 'form-0001'))).toMatchObject({
      outcome: 'nonce_reused',
    });
  });

  it('closes the page of the purchase before it', async () => {
    const org = await world.organization();
    const first = await world.begin(org, '5');
    const second = await world.begin(org, '6');
    expect((await readPurchase(world.deps.pool, first.id, org))?.state).toBe('canceled');
    expect((await readPurchase(world.deps.pool, second.id, org))?.state).toBe('awaiting_customer');
    expect((await pages(org)).sort()).toEqual(['expired', 'open']);
  });

  it('credits the purchase before it if that was paid in the meantime', async () => {
    const org = await world.organization();
    const first = await world.begin(org, '5');
    await world.pay(first);
    await world.begin(org, '6');
    expect((await readPurchase(world.deps.pool, first.id, org))?.state).toBe('credited');
    expect(await world.available(org)).toBe(usd('5'));
  });

  it('is invisible to another organization', async () => {
    const purchase = await world.begin(await world.organization(), '5');
    const stranger = await world.organization();
    expect(await readPurchase(world.deps.pool, purchase.id, stranger)).toBeUndefined();
    expect(await cancelPurchase(world.deps, purchase.id, stranger)).toEqual({
      outcome: 'unknown_purchase',
    });
  });
});

describe('a processor that does not answer', () => {
  it('leaves the purchase opening, and the next look opens exactly one page (F62)', async () => {
    const org = await world.organization();
    const dead = {
      ...world.deps,
      processor: stripeProcessor({
        secretKey: world.secretKey,
        apiUrl: 'http://127.0.0.1:9',
      }),
    };
    const begun = await beginPurchase(dead, request(org, '5', 'form-0002'));
    expect(begun).toMatchObject({
      outcome: 'processor_unavailable',
      purchase: { state: 'opening', failure: null },
    });
    if (!('purchase' in begun)) return;
    expect(await refreshPurchase(world.deps, begun.purchase.id, 'poller')).toMatchObject({
      outcome: 'refreshed',
      purchase: { state: 'awaiting_customer' },
    });
    expect(await pages(org)).toEqual(['open']);
  });

  it('is asked the same again by a process that is configured otherwise', async () => {
    const org = await world.organization();
    const asked: CheckoutRequest[] = [];
    const processor: Processor = {
      ...world.deps.processor,
      async createCheckout(checkout) {
        asked.push(checkout);
        return { outcome: 'unknown', detail: 'timed out', replayed: false };
      },
    };
    const before = { ...world.deps, processor };
    const begun = await beginPurchase(before, request(org, '5', 'form-0005'));
    if (!('purchase' in begun)) throw new Error(begun.outcome);
    const after = { ...before, urls: { console: 'http://127.0.0.1:4999' }, automaticTax: true };
    await refreshPurchase(after, begun.purchase.id, 'poller');
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual(asked[0]);
    expect(asked[0]).toMatchObject({ automaticTax: false });
  });

  it('is not believed to have failed when it did the work and answered 500 (S15)', async () => {
    const org = await world.organization();
    const first = await world.begin(org, '5');
    await cancelPurchase(world.deps, first.id, org);
    await world.faults({ api: 'error_500_after' });
    const begun = await beginPurchase(world.deps, request(org, '9', 'form-0003'));
    await world.faults({ api: 'normal' });
    expect(begun).toMatchObject({ outcome: 'opened', purchase: { state: 'awaiting_customer' } });
    expect((await pages(org)).sort()).toEqual(['expired', 'open']);
  });

  it('spends a key that is answered with an error for ever, and goes on with the next', async () => {
    const org = await world.organization();
    await world.faults({ api: 'error_500_after' });
    const begun = await beginPurchase(world.deps, request(org, '9', 'form-0004'));
    await world.faults({ api: 'normal' });
    expect(begun).toMatchObject({ outcome: 'processor_unavailable' });
    if (!('purchase' in begun)) return;
    expect(await refreshPurchase(world.deps, begun.purchase.id, 'poller')).toMatchObject({
      purchase: { state: 'awaiting_customer', attempt: 2 },
    });
    expect(await pages(org)).toEqual(['open']);
  });
});

describe('an outage while the page is opened', () => {
  const deadDeps = () => ({
    ...world.deps,
    processor: stripeProcessor({ secretKey: world.secretKey, apiUrl: 'http://127.0.0.1:9' }),
  });
  /** As if the purchase had been begun so long ago. */
  const age = (id: string, minutes: number) =>
    world.db.ownerPool.query({
      text: `UPDATE payments.purchases
        SET session_expires_at = session_expires_at - make_interval(mins => $2) WHERE id = $1`,
      values: [id, minutes],
    });
  async function begunInOutage(org: OrganizationId, nonce: string) {
    const begun = await beginPurchase(deadDeps(), request(org, '5', nonce));
    if (begun.outcome !== 'processor_unavailable') throw new Error(begun.outcome);
    return begun.purchase;
  }

  it('of ten minutes ends in one page that can be paid for as long as any', async () => {
    const org = await world.organization();
    const { id } = await begunInOutage(org, 'outage-10');
    await age(id, 10);
    const looks = await Promise.all([
      refreshPurchase(world.deps, id, 'poller'),
      refreshPurchase(world.deps, id, 'return_page'),
      beginPurchase(world.deps, request(org, '5', 'outage-10')),
    ]);
    // Who comes second may meet the key in use, and looks again later.
    const found = looks.filter(({ outcome }) => outcome === 'refreshed' || outcome === 'opened');
    expect(found.length).toBeGreaterThan(0);
    const opened = await readPurchase(world.deps.pool, id);
    expect(opened).toMatchObject({ state: 'awaiting_customer', attempt: 2 });
    expect(await pages(org)).toEqual(['open']);
  });

  it('finds the page that was made before it, and makes no other', async () => {
    const org = await world.organization();
    const { id } = await world.begin(org, '5');
    await world.db.ownerPool.query({
      text: `UPDATE payments.purchases SET state = 'opening', session_id = NULL WHERE id = $1`,
      values: [id],
    });
    await age(id, 10);
    await refreshPurchase(world.deps, id, 'poller');
    expect(await readPurchase(world.deps.pool, id)).toMatchObject({
      state: 'awaiting_customer',
      attempt: 1,
    });
    expect(await pages(org)).toEqual(['open']);
  });

  it('of an hour ends the purchase without a page or a charge', async () => {
    const org = await world.organization();
    const { id } = await begunInOutage(org, 'outage-60');
    await age(id, 60);
    await refreshPurchase(world.deps, id, 'poller');
    const after = await readPurchase(world.deps.pool, id);
    expect(after?.state).toBe('expired');
    expect(await pages(org)).toEqual([]);
  });
});

describe('canceling', () => {
  it('closes the page at the processor and says nobody was charged', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    const canceled = await cancelPurchase(world.deps, purchase.id, org);
    expect(canceled).toMatchObject({ outcome: 'canceled', purchase: { state: 'canceled' } });
    expect(await pages(org)).toEqual(['expired']);
    const view = await viewPurchase(
      world.deps.pool,
      canceled.outcome === 'canceled' ? canceled.purchase : purchase,
    );
    expect(view.redirect_url).toBeNull();
    expect(view.timeline.at(-1)?.detail).toContain('not charged');
  });

  it('loses against money: a paid purchase is credited, not canceled (S37)', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    await world.pay(purchase);
    expect(await cancelPurchase(world.deps, purchase.id, org)).toMatchObject({
      outcome: 'not_open',
      purchase: { state: 'credited' },
    });
    expect(await world.available(org)).toBe(nanos(5_000_000_000n));
  });

  it('never opens a page for a draft nobody came back for', async () => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    await world.db.ownerPool.query({
      text: `UPDATE payments.purchases SET state = 'draft', session_id = NULL WHERE id = $1`,
      values: [purchase.id],
    });
    expect(await refreshPurchase(world.deps, purchase.id, 'poller')).toMatchObject({
      purchase: { state: 'abandoned' },
    });
  });
});
