import type { Browser, BrowserContext, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openPool } from '#db/pool';
import { parseUsd, ZERO } from '#kernel/money';
import { CAUSES } from '#payments/decline-table';
import { explainDecline, type PurchaseFailure, plainDecline } from '#payments/declines';
import { type Product, startProduct } from '#test/product';
import { openBrowser } from './browser.ts';
import { link, organization, usd } from './shapes.ts';
import { signIn, type Visitor } from './visitor.ts';

const OWNER = 'ada@example.com';
const VISA = '4242424242424242';
const NO_FUNDS = '4000000000009995';
const NEVER_AGAIN = '4000990000000418';
const PLANS = 'https://example.com/plans';

const bought = z.object({ id: z.string(), redirect_url: z.string() });
const error = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

let product: Product;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let ada: Visitor;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct({
    environment: { BURSAR_AUTOMATIC_TAX: 'on', BURSAR_SUBSCRIPTION_URL: PLANS },
  });
  await control('PUT', 'settings', { tax_rate_percent: 'by_place' });
  await product.cli(organization, 'org', 'create', 'Acme', '--owner-email', OWNER);
  ada = await signIn(product, OWNER);
  context = await browser.newContext({ locale: 'en-US' });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const { url } = await product.cli(link, 'sign-in-link', '--email', OWNER);
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in as this person' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
});

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const onConsole = (path: string): string => `${product.run.console}${path}`;
const onBilling = () => page.goto(onConsole('/settings/billing'));
const dialog = () => page.getByRole('dialog');

async function control(method: 'PUT' | 'POST', path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${product.run.stripe_sim}/_sim/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return await answer.json();
}

/** As the person on the processor's page would, with the browser still on the way there. */
async function enterCard(pageUrl: string, number: string): Promise<unknown> {
  const session = /cs_\w+/.exec(pageUrl)?.[0] ?? 'none';
  return await control('POST', `pay/${session}`, { number, country: 'DE', postal_code: '10115' });
}

async function atProcessor(): Promise<string> {
  await page.waitForURL(`${product.run.stripe_sim}/**`);
  return page.url();
}

describe('before paying', () => {
  test('S34: without an address the dialog asks for it, refuses bad ones, and then tells the total', async () => {
    await onBilling();
    await page.getByRole('button', { name: 'Buy credits' }).click();
    await dialog().getByText('A billing address is needed first').waitFor();
    // The keyboard's way past the button leads nowhere either.
    await dialog().getByLabel('Amount in US dollars').press('Enter');
    await dialog().getByRole('button', { name: 'Enter billing address' }).click();
    await dialog().getByLabel('Country').selectOption('RU');
    await dialog().getByText('Credits are not sold to Russia yet').waitFor();
    await dialog().getByLabel('Country').selectOption('DE');
    await dialog().getByLabel('Name on the invoice').fill('Ada Example GmbH');
    await dialog().getByLabel('Street and number').fill('Chausseestraße 1');
    await dialog().getByLabel('Postal code').fill('1011');
    await dialog().getByRole('button', { name: 'Save address' }).click();
    await dialog().getByText('1011 is no postal code of Germany, such as 10115.').waitFor();
    await dialog().getByText('Enter the city.').waitFor();
    await dialog().getByLabel('Postal code').fill('10115');
    await dialog().getByLabel('City').fill('Berlin');
    await dialog().getByRole('button', { name: 'Save address' }).click();
    await dialog().getByText('VAT DE (19 %)').waitFor();
    expect(await dialog().locator('.total').innerText()).toMatch(
      /\$25\.00[\s\S]*\$4\.75[\s\S]*\$29\.75/,
    );
  });

  test('what an amount buys is told for a model of choice, and where subscriptions are', async () => {
    await dialog().getByText('What $25.00 buys').click();
    await dialog().getByLabel('At a model of your choice').selectOption('claude-opus-4-6');
    await dialog().getByText('1,428 requests of $0.0175 each.').waitFor();
    await dialog().getByLabel('Requests a day').fill('100');
    await dialog().getByText('of $0.0175 each. That lasts 14 days.').waitFor();
    await dialog().getByText('Start small').waitFor();
    await dialog().getByText('Check these four things').click();
    await dialog().getByText('$25.00 of credits and $4.75 of tax make $29.75').waitFor();
    const elsewhere = dialog().getByRole('link', { name: 'Go to subscriptions' });
    expect(await elsewhere.getAttribute('href')).toBe(PLANS);
  });

  test('the payment page asks for exactly the total that was told', async () => {
    await dialog().getByRole('button', { name: 'Continue to payment' }).click();
    await atProcessor();
    expect(await page.locator('body').innerText()).toContain('$29.75');
  });

  test('a country that is not sold to is refused by the server in words', async () => {
    const refused = await ada.tryPost('/api/billing/details', {
      ...{ name: 'Ada', line1: 'Street 1', line2: '', city: 'Minsk', state: '' },
      ...{ postal_code: '220000', country: 'BY', tax_id_type: '', tax_id: '' },
    });
    expect(refused.status).toBe(409);
    const { code, message } = error.parse(refused.body).error;
    expect({ code, message }).toEqual({
      code: 'region_not_supported',
      message: expect.stringContaining('not sold to Belarus'),
    });
  });
});

describe('after a refusal', () => {
  test('S20: the words are of its cause, and another card pays the same purchase', async () => {
    const before = await ada.available();
    const purchase = await ada.post(bought, '/api/purchases', {
      amount_usd: '25',
      nonce: 'refused-then-paid',
    });
    await enterCard(purchase.redirect_url, NO_FUNDS);
    await page.goto(onConsole(`/settings/billing/return?purchase=${purchase.id}`));
    const alert = page.getByRole('alert');
    await alert.getByText('Not enough money on the card').waitFor();
    const said = await alert.innerText();
    expect(said).toContain('Visa ending in 9995');
    expect(said).toContain('The card must cover $29.75 in all');
    expect(said).toContain('You were not charged.');
    expect(said).toContain('Your move:');
    await page.getByText('Check this first').waitFor();
    await page.getByText('Your billing address is in Germany').waitFor();
    await page.getByRole('button', { name: 'Try again on the payment page' }).click();
    expect(await atProcessor()).toBe(purchase.redirect_url);
    await enterCard(purchase.redirect_url, VISA);
    await page.goto(onConsole(`/settings/billing/return?purchase=${purchase.id}`));
    await page.getByText('$25.00 of credits added').waitFor();
    expect(await ada.available()).toBe(before + usd('25'));
  });

  test('S39: a card that must rest is named before the next purchase, any other may pay', async () => {
    const { id, redirect_url } = await ada.post(bought, '/api/purchases', {
      amount_usd: '5',
      nonce: 'a-card-that-rests',
    });
    await enterCard(redirect_url, NEVER_AGAIN);
    await page.goto(onConsole(`/settings/billing/return?purchase=${id}`));
    await page.getByRole('button', { name: 'Pay with another card' }).waitFor();
    await page.getByRole('button', { name: 'Cancel this purchase' }).click();
    await page.getByRole('link', { name: 'Buy again' }).click();
    await dialog().getByText('One card is being rested').waitFor();
    await dialog().getByText('Visa ending in 0418 was refused').waitFor();
    expect(await dialog().getByLabel('Amount in US dollars').inputValue()).toBe('5');
  });
});

describe('saved cards', () => {
  test('a card is saved only after its text is agreed to, and can be removed again', async () => {
    await onBilling();
    await page.getByText('No saved card').waitFor();
    await page.getByRole('button', { name: 'Save a card' }).click();
    await dialog().getByRole('button', { name: 'Continue to the card page' }).click();
    await dialog().getByText('Agree to this first').waitFor();
    await dialog().getByRole('checkbox').check();
    await dialog().getByRole('button', { name: 'Continue to the card page' }).click();
    const pageUrl = await atProcessor();
    await enterCard(pageUrl, VISA);
    await onBilling();
    await page.getByText('Visa ending in 4242').waitFor();
    await page.getByRole('button', { name: 'Remove: Visa ending in 4242' }).press('Enter');
    await dialog().getByRole('button', { name: 'Remove card' }).click();
    await page.getByText('No saved card').waitFor();
  });
});

/** As after minutes of silence: only this payment is recent, and it was seen paid a while ago. */
async function longSilence(purchaseId: string): Promise<void> {
  const pool = openPool({ url: product.run.database_url, name: 'e2e', max: 1 });
  try {
    await pool.query({
      text: `UPDATE payments.purchases SET paid_seen_at = bursar.real_now() -
          CASE WHEN id = $1 THEN interval '3 minutes' ELSE interval '2 days' END
        WHERE paid_seen_at IS NOT NULL`,
      values: [purchaseId],
    });
  } finally {
    await pool.close();
  }
}

describe('when messages from the processor stay away', () => {
  const title = 'Payment messages from the card processor are not arriving';

  test('S10: the credit comes all the same, and the Billing page says so calmly', async () => {
    await onBilling();
    await page.getByLabel('Available', { exact: true }).waitFor();
    expect(await page.getByText(title).count()).toBe(0);
    await control('PUT', 'faults', { webhooks: 'drop' });
    const before = await ada.available();
    const { id, redirect_url } = await ada.post(bought, '/api/purchases', {
      amount_usd: '5',
      nonce: 'in-silence',
    });
    await enterCard(redirect_url, VISA);
    await page.goto(onConsole(`/settings/billing/return?purchase=${id}`));
    await page.getByText('$5.00 of credits added').waitFor();
    expect(await ada.available()).toBe(before + usd('5'));
    await longSilence(id);
    await onBilling();
    await page.getByText(title).waitFor();
    const said = await page.getByText('Credits are still added within seconds').innerText();
    expect(said).toContain('bursar doctor');
    await control('PUT', 'faults', {});
  });
});

/** Every code, and for each cause one failure under its own purchase. */
const SHOWN: readonly { id: string; code: string; cause: number; failure: PurchaseFailure }[] =
  CAUSES.flatMap(({ codes }, cause) =>
    codes.map((code) => {
      const id = `pur_${code}`;
      const total = parseUsd('29.75') ?? ZERO;
      return { id, code, cause, failure: explainDecline(plainDecline(code), total, id) };
    }),
  );

async function answerRefresh(route: Route): Promise<void> {
  const id = /purchases\/(pur_\w+)\//.exec(route.request().url())?.[1];
  const shown = SHOWN.find((one) => one.id === id);
  await route.fulfill({
    json: {
      ...{ id, type: 'purchase', state: 'declined', trigger: 'manual', receipt_url: null },
      ...{ amount_usd: '25', tax_usd: '4.75', total_usd: '29.75', grant_id: null },
      redirect_url: `${product.run.stripe_sim}/c/pay/cs_test_gallery`,
      failure: shown?.failure ?? null,
      timeline: [{ state: 'declined', at: '2026-11-21T12:00:00Z', detail: null }],
    },
  });
}

describe('every code of the table, in the browser', () => {
  test('S20: no two causes share a text, and none is a bare failure or a raw code', async () => {
    await page.route('**/api/purchases/*/refresh', answerRefresh);
    await page.route('**/api/purchases/*/advice', (route) =>
      route.fulfill({ json: { things_to_check: [], subscription_url: null } }),
    );
    await page.goto(onConsole('/settings/billing'));
    const texts = new Map<string, number>();
    for (const { id, code, cause } of SHOWN) {
      await page.evaluate(`history.pushState(null, '', '${pathOf(id)}')`);
      const alert = page.getByRole('alert').filter({ hasText: new RegExp(`${id}$`) });
      await alert.waitFor();
      const said = (await alert.innerText()).replace(id, '').replaceAll(/\s+/g, ' ');
      expect(said, code).not.toMatch(/payment failed|[a-z]+_[a-z]+/i);
      expect(said, code).toContain('You were not charged.');
      expect([code, texts.get(said) ?? cause]).toEqual([code, cause]);
      texts.set(said, cause);
    }
    expect(texts.size).toBe(CAUSES.length);
    await page.unrouteAll();
  });
});

const pathOf = (id: string): string => `/settings/billing/return?purchase=${id}`;
