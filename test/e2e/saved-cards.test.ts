import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { openBrowser } from './browser.ts';
import { balance, organization } from './shapes.ts';
import { signedInAs } from './signed-in.ts';
import { until } from './until.ts';
import { signIn, type Visitor } from './visitor.ts';

const VISA = '4242 4242 4242 4242';
const MASTERCARD = '5555 5555 5555 4444';

const cards = z.object({
  data: z.array(z.object({ last4: z.string(), is_default: z.boolean() })),
});
const offer = z.object({ offer: z.nullable(z.object({ status: z.string(), title: z.string() })) });

let product: Product;
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct({
    environment: { BURSAR_STARTER_CREDIT_USD: '5', BURSAR_STARTER_CREDIT_DAYS: '30' },
  });
});

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

interface Customer {
  readonly org: string;
  readonly page: Page;
  readonly visitor: Visitor;
}

/** A person with an organization of their own, in a browser of their own. */
async function customer(name: string, email: string): Promise<Customer> {
  const { id } = await product.cli(organization, 'org', 'create', name, '--owner-email', email);
  const visitor = await signIn(product, email);
  const page = await signedInAs(browser, product, email);
  return { org: id, page, visitor };
}

const toBilling = ({ page }: Customer) => page.goto(`${product.run.console}/settings/billing`);

/** On the processor's page, where a card is entered for saving or for paying. */
async function enterCard(page: Page, number: string, button: RegExp): Promise<void> {
  await page.waitForURL(`${product.run.stripe_sim}/**`);
  await page.getByLabel('Card number').fill(number);
  await page.getByLabel('Expiry').fill('12 / 34');
  await page.getByLabel('CVC').fill('123');
  await page.getByLabel('Name on card').fill('Ada Example');
  await page.getByLabel('Postal code').fill('10001');
  const email = page.getByLabel('Email');
  if ((await email.count()) > 0) await email.fill('ada@example.com');
  await page.getByRole('button', { name: button }).first().click();
}

async function agreeToSave(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox').check();
  await dialog.getByRole('button', { name: 'Continue to the card page' }).click();
}

const promotional = async ({ org }: Customer) =>
  (await product.cli(balance, 'balance', '--org', org)).grants.filter(
    ({ kind }) => kind === 'promotional',
  );

describe('starter credit, as a customer meets it', () => {
  test('the offer says what it needs; a saved card brings it, with its end, once', async () => {
    const ada = await customer('Acme', 'ada@example.com');
    const { page } = ada;
    await toBilling(ada);
    await page.getByText('$5 of starter credit').waitFor();
    await page.getByText('Saving it charges nothing.').waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await page.getByRole('button', { name: 'Save a card' }).first().click();
    await agreeToSave(page);
    await enterCard(page, VISA, /save/i);
    await page.waitForURL(`${product.run.console}/**`);
    await page.getByText('$5 of starter credit was added').waitFor();
    await toBilling(ada);
    const grants = page.getByRole('table', { name: 'Credit grants' });
    await grants.getByRole('row', { name: /Promotional credit/ }).waitFor();
    const statement = page.getByRole('table', { name: 'Statement, newest first' });
    await statement.getByRole('rowheader', { name: 'Starter credit', exact: true }).waitFor();
    expect(await promotional(ada)).toMatchObject([{ amount_usd: '5', remaining_usd: '5' }]);
    await page.getByText('Visa ending in 4242').first().waitFor();
    expect(await page.getByText('$5 of starter credit').count()).toBe(0);
  });

  test('another organization is told why the same card, or the same person, brings none', async () => {
    const bob = await customer('Bolt', 'bob@example.com');
    await toBilling(bob);
    await bob.page.getByRole('button', { name: 'Save a card' }).first().click();
    await agreeToSave(bob.page);
    await enterCard(bob.page, VISA, /save/i);
    await bob.page.waitForURL(`${product.run.console}/**`);
    await bob.page.getByText('Starter credit was already given for this card').waitFor();
    expect(await promotional(bob)).toEqual([]);

    const tagged = await customer('Second', 'Ada+second@example.com');
    const told = await tagged.visitor.get(offer, '/api/billing/starter-credit');
    expect(told.offer).toEqual({
      status: 'refused',
      title: 'Starter credit was already given to this e-mail address',
    });
    expect(await tagged.visitor.post(offer, '/api/billing/starter-credit', {})).toEqual(told);
    expect(await promotional(tagged)).toEqual([]);
  });
});

describe('a card saved while buying', () => {
  test('is not, unless the box is ticked', async () => {
    const carl = await customer('Carbon', 'carl@example.com');
    const { page } = carl;
    await toBilling(carl);
    await page.getByRole('button', { name: 'Buy credits' }).click();
    const dialog = page.getByRole('dialog');
    const box = dialog.getByRole('checkbox', { name: /Save the card I pay with/ });
    expect(await box.isChecked()).toBe(false);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overflows(page)).toBe(false);
    expect(await violationsOn(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Continue to payment' }).click();
    await enterCard(page, MASTERCARD, /pay/i);
    await page.getByText('$25.00 of credits added').waitFor();
    expect((await carl.visitor.get(cards, '/api/cards')).data).toEqual([]);
  });

  test('is saved though the browser never comes back, and brings the starter credit', async () => {
    const dora = await customer('Delta', 'dora@example.com');
    const { page } = dora;
    await toBilling(dora);
    await page.getByRole('button', { name: 'Buy credits' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('checkbox', { name: /Save the card I pay with/ }).check();
    await dialog.getByRole('button', { name: 'Continue to payment' }).click();
    await page.waitForURL(`${product.run.stripe_sim}/**`);
    await page.getByText('to charge this card for future').waitFor();
    const session = /cs_\w+/.exec(page.url())?.[0] ?? 'none';
    await page.close();
    await fetch(`${product.run.stripe_sim}/_sim/pay/${session}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: MASTERCARD.replaceAll(' ', '') }),
    });
    const given = await until('the starter credit', 60_000, async () => {
      const grants = await promotional(dora);
      return grants.length > 0 ? grants : undefined;
    });
    expect(given).toMatchObject([{ amount_usd: '5' }]);
    expect((await dora.visitor.get(cards, '/api/cards')).data).toEqual([
      { last4: '4444', is_default: true },
    ]);
  });
});
