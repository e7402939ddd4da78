import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { type Account, ask, openAccount } from './account.ts';
import { openBrowser } from './browser.ts';
import { MODEL } from './shapes.ts';
import { joins, signedInAs } from './signed-in.ts';

const DEVELOPER = 'dev@example.com';

let product: Product;
let browser: Browser;
let account: Account;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  account = await openAccount(product, 'Thrift');
  await account.give('5');
  page = await signedIn(account.owner);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const signedIn = (email: string): Promise<Page> => signedInAs(browser, product, email);

const limitsPage = (on = page) => on.goto(`${product.run.console}/settings/limits`);
const row = (name: string) => page.getByRole('row').filter({ hasText: name });
const body = JSON.stringify({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'May I?' }],
});
const call = () => ask(product.run.gateway, { apiKey: account.apiKey, body });
const refusal = z.object({ error: z.object({ message: z.string() }) });

test('without limits the page says so, and how much is held', async () => {
  await limitsPage();
  await page.getByText('No spend limits').waitFor();
  await page.getByText('Thrift is in no tier').waitFor();
  await page.getByText('the most it can cost is held').waitFor();
  expect(await violationsOn(page)).toEqual([]);
});

test('an admin limits the organization to nothing, is obeyed, and lifts it again', async () => {
  expect((await call()).status).toBe(200);
  await page.getByRole('button', { name: 'Set a limit' }).click();
  const dialog = page.getByRole('dialog');
  const amount = dialog.getByLabel('Limit in US dollars a month');
  await dialog.getByRole('button', { name: 'Save limit' }).click();
  await dialog.getByText('Limit: enter how many dollars a month.').waitFor();
  expect(await amount.getAttribute('aria-invalid')).toBe('true');
  expect(await violationsOn(page)).toEqual([]);
  await amount.fill('0');
  await dialog.getByRole('button', { name: 'Save limit' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const limit = row('Organization');
  await limit.getByText('then requests are refused').waitFor();
  await limit.getByText('thrift@example.com').waitFor();
  await limit.getByText('member, in the Console').waitFor();
  const refused = await call();
  expect(refused.status).toBe(400);
  const { message } = refusal.parse(await refused.json()).error;
  expect(message).toContain('You have reached your specified API usage limits.');

  await limit.getByRole('button', { name: 'Change the limit of Thrift' }).click();
  await dialog
    .getByLabel('When it is reached')
    .selectOption({ label: 'Tell us, and keep serving' });
  await dialog.getByRole('button', { name: 'Save limit' }).click();
  await limit.getByText('then you are told').waitFor();
  expect((await call()).status).toBe(200);

  await limit.getByRole('button', { name: 'Change the limit of Thrift' }).click();
  await dialog.getByRole('button', { name: 'Remove limit' }).click();
  await page.getByText('No spend limits').waitFor();
  await page.getByText('Who set what, when').click();
  await page.getByText('Thrift: $0.00 → no limit').waitFor();
  await page.getByText('$0.00 → $0.00 a month, then you are told').waitFor();
  expect(await page.getByText('thrift@example.com (member, in the Console)').count()).toBe(3);
});

test('a limit that only notes says that nothing is refused', async () => {
  await page.getByRole('button', { name: 'Set a limit' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('is refused before it is sent, until the next month').waitFor();
  await dialog
    .getByLabel('When it is reached')
    .selectOption({ label: 'Tell us, and keep serving' });
  await dialog.getByText('Nothing is refused').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
});

test('a limit can be set for one key, by its name', async () => {
  await page.getByRole('button', { name: 'Set a limit' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Applies to').selectOption({ label: 'API key: tests' });
  await dialog.getByLabel('Limit in US dollars a month').fill('1,000.50');
  await dialog.getByRole('button', { name: 'Save limit' }).click();
  await row('API key').getByText('$1,000.50').waitFor();
});

test('a tier shows what it lets through in a minute', async () => {
  await product.cli(z.unknown(), 'org', 'tier', account.org, '--tier', 'start');
  await limitsPage();
  const opus = row('Claude Opus 4.x');
  await opus.getByText('2,000,000').waitFor();
  expect(await opus.getByRole('cell').allInnerTexts()).toEqual(['1,000', '2,000,000', '400,000']);
  await row('Counting tokens').getByText('2,000').waitFor();
});

describe.each([1280, 360])('in a window of %i pixels', (width) => {
  test('nothing is wider than the window, in light and dark, and all of it can be read', async () => {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await limitsPage();
      await row('Claude Opus 4.x').waitFor();
      await page.getByText('Who set what, when').click();
      expect(await overflows(page)).toBe(false);
      expect(await violationsOn(page)).toEqual([]);
    }
    await page.getByRole('button', { name: 'Change the limit of tests' }).click();
    const inside = await page
      .getByRole('dialog')
      .evaluate((dialog) => dialog.scrollWidth <= dialog.clientWidth);
    expect(inside).toBe(true);
    await page.getByRole('button', { name: 'Cancel' }).click();
  });
});

test('a developer sees the limits and who sets them, and the server refuses to set one', async () => {
  await joins(product, account.org, DEVELOPER, 'developer');
  const theirs = await signedIn(DEVELOPER);
  await theirs.getByRole('link', { name: 'Limits' }).click();
  await theirs.getByText('cannot set limits').waitFor();
  await theirs.getByRole('row').filter({ hasText: 'Claude Opus 4.x' }).waitFor();
  expect(await theirs.getByRole('button', { name: /limit/ }).count()).toBe(0);
  const status = await theirs.evaluate(
    `fetch('/api/limits', { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ level: 'organization', subject_id: '${account.org}', amount_usd: null,
        action: 'notify_only' }) }).then((answer) => answer.status)`,
  );
  expect(status).toBe(403);
});
