import Anthropic from '@anthropic-ai/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { openBrowser } from './browser.ts';
import { createdKey, MODEL, organization } from './shapes.ts';
import { signedInAs } from './signed-in.ts';

const OWNER = 'ada@example.com';
const advice = z.object({
  paces: z.array(z.object({ per_day_usd: z.string(), runway: z.object({ until: z.string() }) })),
  asked: z.object({ reloads: z.int(), seconds_at_zero: z.int() }).nullable(),
});

let product: Product;
let browser: Browser;
let page: Page;
let org: string;
let adminKey: string;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  org = (await product.cli(organization, 'org', 'create', 'Acme', '--owner-email', OWNER)).id;
  await product.cli(z.unknown(), 'grant', '--org', org, '--usd', '40');
  const made = await product.cli(createdKey, 'key', 'create', '--org', org);
  adminKey = (await product.cli(createdKey, 'key', 'create', '--org', org, '--admin')).key;
  const client = new Anthropic({ apiKey: made.key, baseURL: product.run.gateway, maxRetries: 0 });
  for (let day = 0; day < 5; day += 1) {
    for (let call = 0; call < 2 + day; call += 1) {
      await client.messages.create(
        { model: MODEL, max_tokens: 50_000, messages: [{ role: 'user', content: 'Hello' }] },
        { headers: { 'x-sim-scenario': 'ok;output_tokens=50000' }, timeout: 60_000 },
      );
    }
    await product.cli(z.unknown(), 'clock', 'advance', '22h');
  }
  page = await signedInAs(browser, product, OWNER);
}, 240_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const ask = async (query = '') => {
  const answer = await fetch(`${product.run.gateway}/v1/organizations/credits/advice${query}`, {
    headers: { 'x-api-key': adminKey, 'anthropic-version': '2023-06-01' },
  });
  expect(answer.status).toBe(200);
  return advice.parse(await answer.json());
};
const billing = () => page.goto(`${product.run.console}/settings/billing`);
const dialog = () => page.getByRole('dialog');
const figure = (name: string) => dialog().getByRole('row').filter({ hasText: name });

describe('how long credit lasts, as a customer sees it', () => {
  test('below the balance, with the pace it goes by, as a program is told it', async () => {
    await billing();
    const told = page.getByRole('region', { name: 'How long it lasts' });
    await told.getByText('At this pace your credit lasts until').waitFor();
    const { paces } = await ask();
    const [week] = paces;
    const cents = week?.per_day_usd.replace(/(\.\d\d)\d+$/, '$1');
    await told.getByText(`$${cents}`).first().waitFor();
    const shown = await told.locator('time').nth(0).getAttribute('datetime');
    const apart = Date.parse(shown ?? '') - Date.parse(week?.runway.until ?? '');
    expect(Math.abs(apart)).toBeLessThan(3_600_000 * 24);
  });

  test('what to set comes with its reasons, and is taken over at a press', async () => {
    await page.getByRole('button', { name: 'Set up' }).click();
    await dialog().getByText('Suggested').waitFor();
    await dialog()
      .getByText(/busiest 24 hours of the last week cost/)
      .waitFor();
    await dialog().getByRole('button', { name: 'Use these' }).click();
    const threshold = await dialog().getByLabel('When the balance falls below').inputValue();
    expect(Number.parseInt(threshold, 10) % 5).toBe(0);
  });

  test('what is typed is replayed while it is typed, and nothing is set by that', async () => {
    await dialog().getByLabel('When the balance falls below').fill('1');
    await dialog().getByLabel('Buy credits up to').fill('6');
    await dialog().getByLabel('Reloads a day, at most').fill('1');
    const { asked } = await ask(
      '?threshold_usd=1&target_usd=6&max_per_day=1&max_usd_per_month=500',
    );
    expect(asked?.reloads).toBeGreaterThan(1);
    await figure('Charges').getByText(`${asked?.reloads} · $`).waitFor();
    await dialog().getByLabel('Buy credits up to').fill('1');
    await figure('Charges').getByText('–').waitFor();
    await dialog().getByLabel('Buy credits up to').fill('6');
    await figure('Charges').getByText(`${asked?.reloads} · $`).waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Nothing is bought by itself').waitFor();
  });

  test.each([1280, 360])('in a window of %i pixels it fits, in light and dark', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await billing();
      await page.getByText('At this pace your credit lasts until').waitFor();
      expect(await overflows(page)).toBe(false);
      await page.getByRole('button', { name: 'Set up' }).click();
      await figure('Idle money').getByText('$').waitFor();
      expect(await violationsOn(page)).toEqual([]);
      const inside = await dialog().evaluate((box) => box.scrollWidth <= box.clientWidth);
      expect(inside).toBe(true);
    }
  });
});
