import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importBook } from '#catalog/books';
import { bundledBook } from '#pricing/bundled-book';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import {
  adviceResponse,
  cardList,
  cardSetup,
  detailsResponse,
  detailsSaved,
  estimateResponse,
  quoteResponse,
} from './billing/contract.ts';
import { errorBody, purchase } from './contract.ts';

let world: ConsoleWorld;
let ada: Browser;
let dev: Browser;

beforeAll(async () => {
  world = await consoleWorld();
  const of = await world.organization('Acme');
  ada = await world.person('ada@example.com', { of, role: 'billing' });
  dev = await world.person('dev@example.com', { of, role: 'developer' });
  const by = 'test';
  await importBook(world.payments.db.pool, { book: bundledBook(), source: 'bundled', by });
});
afterAll(() => world?.close());

const DUBLIN = {
  ...{ name: 'Ada Example', line1: '1 Grand Parade', line2: '', city: 'Dublin', state: '' },
  ...{ postal_code: '', country: 'IE', tax_id_type: '', tax_id: '' },
};

describe('the billing address', () => {
  test('is shown as it was saved, with every country and its rules', async () => {
    const empty = detailsResponse.parse((await ada.get('/api/billing/details')).body);
    expect(empty.details).toBeNull();
    expect(empty.countries).toHaveLength(249);
    expect(empty.countries.find(({ code }) => code === 'US')).toMatchObject({
      sold: true,
      postal_example: '10001',
      tax_ids: [{ type: 'us_ein' }],
    });
    const saved = detailsSaved.parse((await ada.post('/api/billing/details', DUBLIN)).body);
    expect(saved).toEqual({ details: DUBLIN, copied: true });
    const now = detailsResponse.parse((await dev.get('/api/billing/details')).body);
    expect(now.details).toEqual(DUBLIN);
  });

  test('refused inputs are named, all at once', async () => {
    const answer = await ada.post('/api/billing/details', { ...DUBLIN, name: '', line1: ' ' });
    expect(answer.status).toBe(400);
    const { code, field, problems } = errorBody.parse(answer.body).error;
    expect({ code, field }).toEqual({ code: 'details_invalid', field: 'name' });
    expect(problems?.map((problem) => problem.field)).toEqual(['name', 'line1']);
  });
});

describe('a quote', () => {
  test('tells total, debt and the four things, and refuses what a purchase would refuse', async () => {
    const answer = await ada.post('/api/billing/quote', { amount_usd: '25' });
    const quote = quoteResponse.parse(answer.body);
    expect(quote).toMatchObject({
      ...{ tax_usd: '0', total_usd: '25', tax_note: 'none', clears_debt_usd: '0' },
      ...{ usable_usd: '25', refusal: null, subscription_url: null },
    });
    expect(quote.things_to_check.map(({ kind }) => kind)).toEqual([
      'total',
      'address',
      'verification',
      'card',
    ]);
    for (const [amount, code] of [
      ['4.99', 'amount_too_small'],
      ['10000.01', 'amount_too_large'],
      ['5.001', 'amount_not_cents'],
      ['lots', 'amount_invalid'],
    ]) {
      const asked = await ada.post('/api/billing/quote', { amount_usd: amount });
      const bought = await ada.post('/api/purchases', {
        amount_usd: amount,
        nonce: `refused-${code}`,
      });
      expect([asked.status, errorBody.parse(asked.body)]).toEqual([
        bought.status,
        errorBody.parse(bought.body),
      ]);
      expect(errorBody.parse(asked.body).error.code).toBe(code);
    }
  });
});

describe('an estimate', () => {
  test('goes by the price book for a planned request, and says where there is no own pace', async () => {
    const planned = { model: 'claude-opus-4-6', input_tokens: 1_000, output_tokens: 500 };
    const answer = await dev.post('/api/billing/estimate', { amount_usd: '25', planned });
    const estimate = estimateResponse.parse(answer.body);
    expect(estimate.own).toBeNull();
    expect(estimate.planned).toEqual({ each_usd: '0.0175', requests: '1428', priced: true });
    expect(estimate.models.map(({ id }) => id)).toContain('claude-opus-4-6');
    const other = { ...planned, model: 'no-such-model' };
    const unknown = await dev.post('/api/billing/estimate', { amount_usd: '25', planned: other });
    expect(estimateResponse.parse(unknown.body).planned).toMatchObject({ priced: false });
  });
});

describe('advice after a refusal', () => {
  test('is made of the facts of that purchase', async () => {
    const begun = await ada.post('/api/purchases', { amount_usd: '25', nonce: 'refused-once' });
    const { id, redirect_url: url } = purchase.parse(begun.body);
    await fetch(`${world.payments.simUrl}/_sim/pay/${/cs_\w+/.exec(url ?? '')?.[0]}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: '4000000000009995' }),
    });
    const refreshed = purchase.parse((await ada.post(`/api/purchases/${id}/refresh`)).body);
    expect(refreshed.failure).toMatchObject({
      class: 'FUND',
      who_acts: 'you',
      card: { brand: 'visa', last4: '9995' },
    });
    const advice = adviceResponse.parse((await dev.get(`/api/purchases/${id}/advice`)).body);
    expect(advice.things_to_check).toMatchObject([
      { kind: 'total', bearing: 'in_the_way' },
      { kind: 'address', text: expect.stringContaining('Ireland') },
      { kind: 'verification' },
      { kind: 'card', text: expect.stringContaining('9995') },
    ]);
  });
});

describe('cards', () => {
  test('a card needs the current consent, and is listed without more than its last digits', async () => {
    const { consent, data } = cardList.parse((await ada.get('/api/cards')).body);
    expect(data).toEqual([]);
    const old = await ada.post('/api/cards/setups', { nonce: 'old-text-1', consent_version: 'x' });
    expect(errorBody.parse(old.body).error.code).toBe('consent_outdated');
    const begun = await ada.post('/api/cards/setups', {
      nonce: 'current-text-1',
      consent_version: consent.version,
    });
    expect(begun.status).toBe(201);
    const setup = cardSetup.parse(begun.body);
    await fetch(
      `${world.payments.simUrl}/_sim/pay/${/cs_\w+/.exec(setup.redirect_url ?? '')?.[0]}`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ number: '5555555555554444' }),
      },
    );
    const refreshed = await ada.post(`/api/cards/setups/${setup.id}/refresh`);
    expect(cardSetup.parse(refreshed.body)).toMatchObject({ state: 'saved' });
    const listed = await ada.get('/api/cards');
    expect(JSON.stringify(listed.body)).not.toContain('555555');
    const [card] = cardList.parse(listed.body).data;
    expect(card).toMatchObject({ brand: 'mastercard', last4: '4444', is_default: true });
    expect(card?.attended_only).toBeNull();
    const removed = await ada.post(`/api/cards/${card?.id}/remove`);
    expect(cardList.parse(removed.body).data).toEqual([]);
  });
});
