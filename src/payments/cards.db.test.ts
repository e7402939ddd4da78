import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { CURRENT_CONSENT, consentText } from '#payments/card-consent';
import { beginSetup, type CardSetup, refreshOpenSetups, refreshSetup } from '#payments/card-setups';
import { makeDefault, removeCard, savedCards, syncCards, whyAttended } from '#payments/cards';
import { receiveEvent, workEvent } from '#payments/inbox';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

const MASTERCARD = '5555555555554444';
const INDIAN = '4000003560000008';
const VERIFY_ALWAYS = '4000002760003184';
const ATTACHES_THEN_FAILS = '4000000000000341';

let world: PaymentsWorld;
let org: OrganizationId;
let forms = 0;

beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world?.close());
beforeEach(async () => {
  org = await world.organization();
});

const ask = (more: { replaces?: string; nonce?: string; consentVersion?: string } = {}) =>
  beginSetup(world.deps, {
    organizationId: org,
    actor: 'user_ada',
    ip: '203.0.113.7',
    consentVersion: CURRENT_CONSENT.version,
    nonce: `form-${forms++}-of-cards`,
    ...more,
  });

async function opened(more: { replaces?: string } = {}): Promise<CardSetup> {
  const begun = await ask(more);
  if (begun.outcome !== 'opened') throw new Error(`not opened: ${begun.outcome}`);
  return begun.setup;
}

/** As a person on the hosted page would. */
async function enter(setup: CardSetup, number: string, three_ds = 'pass', more = {}) {
  const answer = await fetch(`${world.simUrl}/_sim/pay/${setup.sessionId}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ number, three_ds, ...more }),
  });
  if (answer.status >= 400) throw new Error(await answer.text());
  return (await refreshSetup(world.deps, setup)).setup;
}

const save = async (number: string, more: { replaces?: string } = {}) =>
  enter(await opened(more), number);

const cards = () => savedCards(world.deps, org);
const control = (path: string, body: object) =>
  fetch(`${world.simUrl}/_sim/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('saving a card', () => {
  it('keeps what was agreed to, by whom, when and from where, with the card it was for', async () => {
    const setup = await save(VISA);
    expect(setup).toMatchObject({ state: 'saved', consentVersion: CURRENT_CONSENT.version });
    const [row] = await world.db.ownerPool.query<Record<string, unknown>>({
      text: `SELECT consented_by AS by, consented_ip AS ip, card_id AS card,
          consented_at <= bursar.now() AS dated
        FROM payments.card_setups WHERE organization_id = $1`,
      values: [org],
    });
    const [card] = await cards();
    expect(row).toEqual({ by: 'user_ada', ip: '203.0.113.7', card: card?.id, dated: true });
    expect(consentText(setup.consentVersion)).toContain('auto-reload');
    expect(card).toMatchObject({ brand: 'visa', last4: '4242', isDefault: true, expiry: 'good' });
  });

  it('charges nothing and makes no purchase', async () => {
    await save(VISA);
    expect(await world.available(org)).toBe(0n);
    const rows = await world.db.ownerPool.query({
      text: 'SELECT id FROM payments.purchases WHERE organization_id = $1',
      values: [org],
    });
    expect(rows).toEqual([]);
  });

  it('is not begun under a text that is no longer the current one', async () => {
    expect(await ask({ consentVersion: '2020-01-01' })).toEqual({ outcome: 'consent_outdated' });
  });

  it('pressed twice is one page, and one proof', async () => {
    const nonce = 'the-same-card-form';
    const [first, again] = await Promise.all([ask({ nonce }), ask({ nonce })]);
    if (first.outcome !== 'opened' || again.outcome !== 'opened') throw new Error('not opened');
    expect(again.setup.id).toBe(first.setup.id);
    expect(again.setup.sessionId).toBe(first.setup.sessionId);
  });

  it('is seen although nobody came back from the page', async () => {
    const setup = await opened();
    await fetch(`${world.simUrl}/_sim/pay/${setup.sessionId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: VISA }),
    });
    expect(await cards()).toEqual([]);
    await refreshOpenSetups(world.deps, org);
    expect(await cards()).toMatchObject([{ last4: '4242', isDefault: true }]);
  });

  it('that failed says why, and another card can be entered on the same page', async () => {
    const setup = await opened();
    const failed = await enter(setup, VERIFY_ALWAYS, 'fail');
    expect(failed).toMatchObject({
      state: 'refused',
      failure: { code: 'setup_intent_authentication_failure', class: 'AUTH' },
    });
    expect(failed.redirectUrl).not.toBeNull();
    expect(await enter(failed, VISA)).toMatchObject({ state: 'saved', failure: null });
  });
});

describe('saved cards', () => {
  it('the first is the default, a second is not until somebody says so', async () => {
    await save(VISA);
    await save(MASTERCARD);
    expect(await cards()).toMatchObject([
      { last4: '4242', isDefault: true },
      { last4: '4444', isDefault: false },
    ]);
    const second = (await cards()).find((card) => card.last4 === '4444');
    expect(await makeDefault(world.deps, org, second?.id ?? '')).toEqual({ outcome: 'done' });
    expect((await cards())[0]).toMatchObject({ last4: '4444', isDefault: true });
  });

  it('S19: a card that replaces the default is the default, and the old one is gone', async () => {
    const old = await save(ATTACHES_THEN_FAILS);
    const replaced = await save(MASTERCARD, { replaces: old.cardId ?? '' });
    expect(replaced.state).toBe('saved');
    expect(await cards()).toMatchObject([{ last4: '4444', isDefault: true }]);
    const elsewhere = await syncCards(world.deps, org);
    expect(elsewhere).toBe('synced');
    expect(await cards()).toHaveLength(1);
  });

  it('a removed card is gone at the processor too, and another organization cannot touch it', async () => {
    const { cardId } = await save(VISA);
    const stranger = await world.organization();
    const id = cardId ?? '';
    expect(await removeCard(world.deps, stranger, id)).toEqual({ outcome: 'unknown_card' });
    expect(await makeDefault(world.deps, stranger, id)).toEqual({ outcome: 'unknown_card' });
    expect(await removeCard(world.deps, org, id)).toEqual({ outcome: 'done' });
    await syncCards(world.deps, org);
    expect(await cards()).toEqual([]);
  });

  it('an Indian card is for buying in person, never for auto-reload', async () => {
    await save(INDIAN);
    const [card] = await cards();
    expect(card?.country).toBe('IN');
    expect(card === undefined ? card : whyAttended(card)).toBe('holder_must_be_present');
    const inGermany = { country: 'DE', expiry: 'good' } as const;
    expect(whyAttended(inGermany)).toBeNull();
    const elsewhere = { country: 'RU', expiry: 'good' } as const;
    expect(whyAttended(elsewhere)).toBe('country_not_sold_to');
  });

  it('a card that ends soon or has ended says so, by business time', async () => {
    const [now] = await world.db.ownerPool.query<{ month: number; year: number }>({
      text: `SELECT extract(month FROM bursar.now() AT TIME ZONE 'UTC')::int AS month,
        extract(year FROM bursar.now() AT TIME ZONE 'UTC')::int AS year`,
    });
    const { month = 1, year = 2026 } = now ?? {};
    await enter(await opened(), VISA, 'pass', { exp_month: month, exp_year: year });
    expect((await cards())[0]).toMatchObject({ expiry: 'ends_soon' });
    await world.db.ownerPool.query({
      text: 'UPDATE payments.cards SET exp_year = exp_year - 1 WHERE organization_id = $1',
      values: [org],
    });
    const [ended] = await cards();
    expect(ended).toMatchObject({ expiry: 'expired' });
    const answer = await makeDefault(world.deps, org, ended?.id ?? '');
    expect(answer).toEqual({ outcome: 'expired_card' });
  });

  it('a date the network renewed is known as soon as the processor tells', async () => {
    const { cardId } = await save(VISA);
    await control('card_updates', { payment_method: cardId, exp_month: 3, exp_year: 2040 });
    const event = {
      id: 'evt_card',
      type: 'payment_method.automatically_updated',
      livemode: false,
      objectId: cardId ?? '',
      paymentIntentId: null,
      purpose: null,
      purchaseId: null,
      organizationId: null,
      environment: null,
    };
    await receiveEvent(world.deps.pool, '/webhooks/stripe', event);
    const outcome = async () => {
      const [row] = await world.db.ownerPool.query<{ outcome: string | null }>({
        text: `SELECT outcome FROM payments.webhook_inbox WHERE event_id = 'evt_card'`,
      });
      return row?.outcome;
    };
    // It waits to be worked, though it carries no tag of ours.
    expect(await outcome()).toBeNull();
    await workEvent(world.deps, '/webhooks/stripe', 'evt_card');
    expect(await cards()).toMatchObject([{ expMonth: 3, expYear: 2040 }]);
    expect(await outcome()).toBe('refreshed');
  });

  it('what the processor cannot be asked about stays as it was last told', async () => {
    await save(VISA);
    await world.faults({ api: 'down' });
    expect(await syncCards(world.deps, org)).toBe('unavailable');
    await world.faults({});
    expect(await cards()).toHaveLength(1);
  });
});
