import Anthropic, { APIError } from '@anthropic-ai/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { openBrowser } from './browser.ts';
import { balance, createdKey, link, MODEL, organization, usd } from './shapes.ts';
import { until } from './until.ts';
import { signIn } from './visitor.ts';

const OWNER = 'ada@example.com';
const payments = z.object({ data: z.array(z.object({ status: z.string(), amount: z.int() })) });

let product: Product;
let browser: Browser;
let page: Page;
let org: string;
let client: Anthropic;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  org = (await product.cli(organization, 'org', 'create', 'Acme', '--owner-email', OWNER)).id;
  await product.cli(z.unknown(), 'grant', '--org', org, '--usd', '12');
  const made = await product.cli(createdKey, 'key', 'create', '--org', org);
  client = new Anthropic({ apiKey: made.key, baseURL: product.run.gateway, maxRetries: 0 });
  await signIn(product, OWNER);
  page = await (await browser.newContext({ locale: 'en-US' })).newPage();
  page.setDefaultTimeout(20_000);
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

const available = async (): Promise<bigint> =>
  usd((await product.cli(balance, 'balance', '--org', org)).available_usd);
const charged = async (): Promise<number[]> => {
  const answer = await fetch(`${product.run.stripe_sim}/_sim/payments`);
  const { data } = payments.parse(await answer.json());
  return data.filter(({ status }) => status === 'succeeded').map(({ amount }) => amount);
};
const section = () => page.getByRole('region', { name: 'Auto-reload' });

/** Forty cents: as many tokens as were asked for at most. */
const spend = () =>
  client.messages.create(
    { model: MODEL, max_tokens: 20_000, messages: [{ role: 'user', content: 'Hello' }] },
    { headers: { 'x-sim-scenario': 'ok;output_tokens=20000' } },
  );

async function spendUntilRefused(): Promise<number | undefined> {
  for (let calls = 0; calls < 200; calls += 1) {
    try {
      await spend();
    } catch (error) {
      if (error instanceof APIError) return error.status;
      throw error;
    }
  }
  return undefined;
}

describe('auto-reload, as a customer meets it', () => {
  test('a card is saved, and nothing is switched on by that', async () => {
    await page.goto(`${product.run.console}/settings/billing`);
    await page.getByRole('button', { name: 'Save a card' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('checkbox').check();
    await dialog.getByRole('button', { name: 'Continue to the card page' }).click();
    await page.waitForURL(`${product.run.stripe_sim}/**`);
    await page.getByLabel('Card number').fill('4242 4242 4242 4242');
    await page.getByLabel('Expiry').fill('12 / 34');
    await page.getByLabel('CVC').fill('123');
    await page.getByLabel('Name on card').fill('Ada Example');
    await page.getByLabel('Postal code').fill('10001');
    const email = page.getByLabel('Email');
    if ((await email.count()) > 0) await email.fill(OWNER);
    await page.getByRole('button', { name: /save/i }).first().click();
    await page.waitForURL(`${product.run.console}/**`);
    await page.goto(`${product.run.console}/settings/billing`);
    await section().getByText('Nothing is bought by itself').waitFor();
  });

  test('it is switched on by agreeing to it, and a wrong amount is said at its field', async () => {
    await section().getByRole('button', { name: 'Set up' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Switch on' }).click();
    await dialog.getByText('Agree to this first').waitFor();
    await dialog.getByRole('checkbox').check();
    await dialog.getByLabel('Buy credits up to').fill('9');
    await dialog.getByRole('button', { name: 'Switch on' }).click();
    await dialog.getByText('target_usd must be above').waitFor();
    await dialog.getByLabel('Buy credits up to').fill('30');
    await dialog.getByRole('button', { name: 'Switch on' }).click();
    await section().getByText('credits are bought up to').waitFor();
    expect(await charged()).toEqual([]);
  });

  test('the request that takes the balance below it is followed by one charge and credit', async () => {
    // From twelve dollars, the sixth of them crosses the mark of ten.
    for (let call = 0; call < 6; call += 1) await spend();
    await until('credits', 20_000, async () =>
      (await available()) > usd('20') ? true : undefined,
    );
    const [cents = 0, ...more] = await charged();
    expect(more).toEqual([]);
    // Up to the target, less what was spent while the card was charged: nothing was.
    expect(await available()).toBeLessThan(usd('30.01'));
    expect(cents).toBeGreaterThan(2_000);
    await page.reload();
    await page.getByText('Why it did or did not reload').click();
    await section().getByText('a reload was started').waitFor();
  });

  test('off is off: credits run out, and nothing is charged', async () => {
    const before = await charged();
    await section().getByRole('button', { name: 'Switch off' }).click();
    await section().getByText('Nothing is bought by itself').waitFor();
    const refused = await spendUntilRefused();
    expect(refused).toBe(400);
    expect(await charged()).toEqual(before);
  });
});
