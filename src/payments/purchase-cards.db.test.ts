import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { SETUP_PURPOSE } from '#payments/card-processor';
import { beginSetup, refreshOpenSetups, refreshSetup } from '#payments/card-setups';
import { CARD_CHOSEN_TASK, makeDefault, savedCards } from '#payments/cards';
import { followHint, isOurs } from '#payments/hint';
import { receiveEvent, workEvent } from '#payments/inbox';
import {
  type AgreedToKeep,
  agreeToKeep,
  KEEP_CARD_TASK,
  keepPurchaseCard,
} from '#payments/purchase-cards';
import { PURCHASE_CONSENT, purchaseConsentText } from '#payments/purchase-consent';
import { beginPurchase, type Purchase, refreshPurchase } from '#payments/purchases';
import { reloadCardChanged } from '#payments/reload-settings';
import type { PaymentsWorld } from '#test/payments';
import { NO_FUNDS, VISA } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld } from '#test/reload-world';

const MASTERCARD = '5555555555554444';

let all: ReloadWorld;
let world: PaymentsWorld;
beforeAll(async () => {
  all = await reloadWorld();
  world = all.world;
});
afterAll(() => all?.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;

function agreed(): AgreedToKeep {
  const agreement = agreeToKeep(PURCHASE_CONSENT.version, '203.0.113.7');
  if (agreement.outcome !== 'agreed') throw new Error(agreement.outcome);
  return agreement.agreed;
}

const ask = (organizationId: OrganizationId, more: { keepCard?: AgreedToKeep; nonce?: string }) =>
  beginPurchase(world.deps, {
    ...{ organizationId, amount: usd('25'), trigger: 'manual', actor: 'user_ada' },
    ...more,
  });

async function begun(organizationId: OrganizationId, keeps = true): Promise<Purchase> {
  const answer = await ask(organizationId, keeps ? { keepCard: agreed() } : {});
  if (answer.outcome !== 'opened') throw new Error(answer.outcome);
  return answer.purchase;
}

/** Pays, and lets the payment be learned of without any browser. */
async function paid(purchase: Purchase, number = VISA): Promise<void> {
  await world.pay(purchase, number);
  await refreshPurchase(world.deps, purchase.id, 'poller');
}

const cards = (organizationId: OrganizationId) => savedCards(world.deps, organizationId);
const keep = (purchase: Purchase, deps = world.deps) =>
  keepPurchaseCard(deps, purchase.organizationId, purchase.id);

interface Proof {
  readonly state: string;
  readonly version: string;
  readonly by: string;
  readonly ip: string;
  readonly cardId: string | null;
}

const proofs = (purchase: Purchase) =>
  world.db.ownerPool.query<Proof>({
    text: `SELECT state, consent_version AS version, consented_by AS by, consented_ip AS ip,
        card_id AS "cardId" FROM payments.card_setups
      WHERE organization_id = $1 AND purchase_id = $2`,
    values: [purchase.organizationId, purchase.id],
  });

const jobs = (purchase: Purchase) =>
  world.db.ownerPool.query({
    text: `SELECT FROM graphile_worker.jobs WHERE key = $1`,
    values: [`${KEEP_CARD_TASK}:${purchase.id}`],
  });

describe('agreeing to keep the card', () => {
  it('is on record, with its words, before anybody is sent to pay', async () => {
    const purchase = await begun(await world.organization());
    const [proof, ...more] = await proofs(purchase);
    expect(more).toEqual([]);
    expect(proof).toEqual({
      ...{ state: 'opening', by: 'user_ada', ip: '203.0.113.7', cardId: null },
      version: PURCHASE_CONSENT.version,
    });
    expect(purchaseConsentText(proof?.version ?? '')).toContain('Save the card I pay with.');
  });

  it('to words that are not those of now is no consent', () => {
    for (const version of ['', 'older', CURRENT_CONSENT.version]) {
      expect(agreeToKeep(version, '203.0.113.7')).toEqual({ outcome: 'consent_outdated' });
    }
  });

  it('is not changed by pressing again: another answer is another purchase', async () => {
    const org = await world.organization();
    const nonce = 'one-form-of-keeping';
    const first = await ask(org, { nonce, keepCard: agreed() });
    const again = await ask(org, { nonce, keepCard: agreed() });
    expect(first).toMatchObject({ outcome: 'opened', purchase: { savesCard: true } });
    if (first.outcome !== 'opened' || again.outcome !== 'opened') throw new Error('not opened');
    expect(again.purchase.id).toBe(first.purchase.id);
    expect(await proofs(first.purchase)).toHaveLength(1);
    expect(await ask(org, { nonce })).toMatchObject({ outcome: 'nonce_reused' });
    const plain = 'one-form-of-not-keeping';
    await ask(org, { nonce: plain });
    const changed = await ask(org, { nonce: plain, keepCard: agreed() });
    expect(changed).toMatchObject({ outcome: 'nonce_reused' });
  });
});

describe('the card of a purchase', () => {
  it('is saved and the default once it is paid, with no browser and no webhook', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    expect(await keep(purchase)).toBe('nothing_to_keep');
    await paid(purchase);
    // Queued in the transaction of the credit: whoever runs jobs does it.
    expect(await jobs(purchase)).toHaveLength(1);
    expect(await keep(purchase)).toBe('kept');
    const [card, ...more] = await cards(org);
    expect(more).toEqual([]);
    expect(card).toMatchObject({ last4: '4242', isDefault: true });
    expect(await proofs(purchase)).toMatchObject([{ state: 'saved', cardId: card?.id }]);
  });

  it('is left to the deployment it was paid in, whoever works the job', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    await paid(purchase);
    const elsewhere = {
      ...{ ...world.deps, environment: 'other' },
      processor: {
        ...world.deps.processor,
        retrievePayment: async () => ({ outcome: 'missing' }) as const,
      },
    };
    // So the job is not done, and comes back.
    expect(await keep(purchase, elsewhere)).toBe('processor_unavailable');
    expect(await keep(purchase)).toBe('kept');
  });

  it('is saved once, whoever learns of the payment and however often', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    await world.pay(purchase);
    const refreshed = await refreshPurchase(world.deps, purchase.id);
    const intent = 'purchase' in refreshed ? refreshed.purchase.paymentIntentId : null;
    const hint = {
      type: 'payment_intent.succeeded',
      objectId: intent ?? '',
      paymentIntentId: intent,
    };
    await Promise.all([
      followHint(world.deps, hint, 'webhook'),
      refreshPurchase(world.deps, purchase.id, 'poller'),
      refreshOpenSetups(world.deps, org),
    ]);
    expect(await jobs(purchase)).toHaveLength(1);
    const outcomes = await Promise.all([keep(purchase), keep(purchase), keep(purchase)]);
    expect(new Set(outcomes)).toEqual(new Set(['kept']));
    expect(await cards(org)).toHaveLength(1);
    expect(await proofs(purchase)).toHaveLength(1);
    expect(await world.grants(org)).toBe(1);
  });

  it('is not kept without consent: not here, and not at the processor', async () => {
    const org = await world.organization();
    const purchase = await begun(org, false);
    await paid(purchase);
    expect(await jobs(purchase)).toEqual([]);
    expect(await proofs(purchase)).toEqual([]);
    expect(await keep(purchase)).toBe('nothing_to_keep');
    const read = await world.deps.processor.createCustomer({
      ...{ organizationId: org, environment: world.deps.environment },
      idempotencyKey: `${world.deps.environment}:${org}:customer:1`,
    });
    if (read.outcome !== 'done') throw new Error(read.outcome);
    const there = await world.deps.cards.listCards(read.customerId);
    expect(there).toEqual({ outcome: 'found', cards: [] });
  });

  it('is the one that paid, not the one that was refused before it', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    await world.pay(purchase, NO_FUNDS);
    await refreshPurchase(world.deps, purchase.id, 'poller');
    expect(await keep(purchase)).toBe('nothing_to_keep');
    await paid(purchase, MASTERCARD);
    expect(await keep(purchase)).toBe('kept');
    expect(await cards(org)).toMatchObject([{ last4: '4444', isDefault: true }]);
  });

  it('leaves the default of before where that can be charged', async () => {
    const org = await world.organization();
    const first = await begun(org);
    await paid(first);
    await keep(first);
    const second = await begun(org);
    await paid(second, MASTERCARD);
    await keep(second);
    expect(await cards(org)).toMatchObject([
      { last4: '4242', isDefault: true },
      { last4: '4444', isDefault: false },
    ]);
  });

  it('takes the place of a default that has expired', async () => {
    const org = await world.organization();
    const first = await begun(org);
    await fetch(`${world.simUrl}/_sim/pay/${first.sessionId}`, {
      method: 'POST',
      body: JSON.stringify({ number: VISA, three_ds: 'pass', ...(await thisMonth()) }),
    });
    await refreshPurchase(world.deps, first.id, 'poller');
    await keep(first);
    await all.later('40 days');
    const second = await begun(org);
    await paid(second, MASTERCARD);
    await keep(second);
    expect((await cards(org))[0]).toMatchObject({ last4: '4444', isDefault: true });
  });

  it('that is saved already stays one card', async () => {
    const org = await world.organization();
    const first = await begun(org);
    await paid(first);
    const second = await begun(org);
    await paid(second);
    // Both at one moment: neither may take the other for the one to remove.
    await Promise.all([keep(first), keep(second)]);
    await refreshOpenSetups(world.deps, org);
    const [card, ...more] = await cards(org);
    expect(more).toEqual([]);
    expect(card).toMatchObject({ last4: '4242', isDefault: true });
    const third = await begun(org);
    await paid(third);
    await keep(third);
    expect((await cards(org)).map(({ id }) => id)).toEqual([card?.id]);
    expect(await proofs(third)).toMatchObject([{ state: 'saved', cardId: card?.id }]);
  });

  it('waits for a processor that is away, and is saved afterwards', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    await paid(purchase);
    await world.faults({ api: 'down' });
    expect(await keep(purchase)).toBe('processor_unavailable');
    await world.faults({});
    expect(await proofs(purchase)).toMatchObject([{ state: 'opening' }]);
    expect(await keep(purchase)).toBe('kept');
  });

  it('that no job keeps, because another release settled it, is saved when cards are looked at', async () => {
    const org = await world.organization();
    const purchase = await begun(org);
    await refreshOpenSetups(world.deps, org);
    await paid(purchase);
    expect(await cards(org)).toEqual([]);
    await refreshOpenSetups(world.deps, org);
    expect(await cards(org)).toMatchObject([{ last4: '4242', isDefault: true }]);
    expect(await proofs(purchase)).toMatchObject([{ state: 'saved' }]);
  });

  it('lets auto-reload go on that waited for a card', async () => {
    const reloader: Reloader = await all.reloader();
    const org = reloader.payer.organizationId;
    await reloader.set();
    expect(await reloader.ask()).toBe('no_card');
    const purchase = await begun(org);
    await paid(purchase);
    await keep(purchase);
    // The job that every new default queues.
    expect(await reloader.queued(CARD_CHOSEN_TASK)).toBe(1);
    await reloader.spend('20');
    await reloadCardChanged(world.deps, org);
    const answers = (await reloader.view()).evaluations.map(({ outcome }) => outcome);
    expect(answers).toContain('started');
    expect((await reloader.charged()).length).toBe(2);
  });
});

describe('a card saved by itself', () => {
  const news = (sessionId: string | null, environment = world.deps.environment) => ({
    ...{ id: `evt_${sessionId}`, type: 'checkout.session.completed', livemode: false },
    ...{ objectId: sessionId ?? '', paymentIntentId: null, purchaseId: null },
    ...{ organizationId: null, purpose: SETUP_PURPOSE, environment },
  });

  it('is saved by the word of the processor, though nobody came back from its page', async () => {
    const org = await world.organization();
    const setup = await beginSetup(world.deps, {
      ...{ organizationId: org, actor: 'user_ada', ip: '203.0.113.7' },
      consentVersion: CURRENT_CONSENT.version,
      nonce: 'a-form-that-was-left',
    });
    if (setup.outcome !== 'opened') throw new Error(setup.outcome);
    const { sessionId } = setup.setup;
    await fetch(`${world.simUrl}/_sim/pay/${sessionId}`, {
      method: 'POST',
      body: JSON.stringify({ number: VISA }),
    });
    const event = news(sessionId);
    for (let time = 0; time < 2; time += 1) {
      await receiveEvent(world.deps.pool, '/webhooks/stripe', event);
      await workEvent(world.deps, '/webhooks/stripe', event.id);
    }
    expect(await cards(org)).toMatchObject([{ last4: '4242', isDefault: true }]);
    expect(isOurs(world.deps, event)).toBe(true);
    expect(isOurs(world.deps, news(sessionId, 'another'))).toBe(false);
    expect(await followHint(world.deps, news('cs_of_nobody'), 'webhook')).toBe('ignored');
  });

  it('is not disturbed by purchases that keep theirs', async () => {
    const org = await world.organization();
    const setup = await beginSetup(world.deps, {
      ...{ organizationId: org, actor: 'user_ada', ip: '203.0.113.7' },
      consentVersion: CURRENT_CONSENT.version,
      nonce: 'a-form-beside-purchases',
    });
    if (setup.outcome !== 'opened') throw new Error(setup.outcome);
    const purchase = await begun(org);
    await paid(purchase);
    await fetch(`${world.simUrl}/_sim/pay/${setup.setup.sessionId}`, {
      method: 'POST',
      body: JSON.stringify({ number: MASTERCARD }),
    });
    await refreshSetup(world.deps, setup.setup);
    await keep(purchase);
    const [one, other, ...more] = await cards(org);
    expect(more).toEqual([]);
    expect([one?.last4, other?.last4].sort()).toEqual(['4242', '4444']);
    expect(await makeDefault(world.deps, org, other?.id ?? '')).toEqual({ outcome: 'done' });
  });
});

async function thisMonth(): Promise<{ exp_month: number; exp_year: number }> {
  const [now] = await world.db.ownerPool.query<{ month: number; year: number }>({
    text: `SELECT extract(month FROM bursar.now() AT TIME ZONE 'UTC')::int AS month,
      extract(year FROM bursar.now() AT TIME ZONE 'UTC')::int AS year`,
    values: [],
  });
  return { exp_month: now?.month ?? 1, exp_year: now?.year ?? 2030 };
}
