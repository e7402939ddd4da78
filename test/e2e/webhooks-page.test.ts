import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { accepts, type Receiver, startReceiver } from '#test/webhook-receiver';
import { overflows, violationsOn } from './accessible.ts';
import { type Account, openAccount } from './account.ts';
import { openBrowser } from './browser.ts';
import { joins, signedInAs } from './signed-in.ts';
import { until } from './until.ts';

const DEVELOPER = 'hook-dev@example.com';

let product: Product;
let browser: Browser;
let account: Account;
let receiver: Receiver;
let page: Page;
let secret: string;

beforeAll(async () => {
  receiver = await startReceiver();
  browser = await openBrowser();
  product = await startProduct();
  account = await openAccount(product, 'Hooked');
  page = await signedIn(account.owner);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
    await receiver?.close();
  }
});

const signedIn = (email: string): Promise<Page> => signedInAs(browser, product, email);

const dialog = () => page.getByRole('dialog');
const row = (n = 0) => page.getByRole('row').filter({ hasText: 'webhook.test' }).nth(n);
const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
const came = (n: number) =>
  until(`${n} events`, 30_000, () => (receiver.received.length >= n ? true : undefined));
const notClosedYet = 'I have saved the secret';

test('without endpoints the page says what they are for', async () => {
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.getByText('No endpoints yet').waitFor();
  expect(await violationsOn(page)).toEqual([]);
});

test('a URL that leads inside is refused under the field, one of a receiver is kept', async () => {
  await press('Add endpoint');
  await dialog().getByRole('button', { name: 'Add endpoint' }).click();
  await dialog().getByText('URL: enter where events are sent.').waitFor();
  const url = dialog().getByLabel('URL');
  await url.fill('https://169.254.169.254/latest/meta-data');
  await dialog().getByRole('button', { name: 'Add endpoint' }).click();
  await dialog().getByText('servers on the public internet only').waitFor();
  expect(await url.getAttribute('aria-invalid')).toBe('true');
  await url.fill(receiver.url);
  await dialog().getByLabel('Description').fill('The accounting system');
  await dialog().getByLabel('Only these').check();
  await dialog().getByRole('button', { name: 'Add endpoint' }).click();
  await dialog().getByText('Events: choose at least one.').waitFor();
  await dialog().getByLabel('credits.low').check();
  expect(await violationsOn(page)).toEqual([]);
  await dialog().getByRole('button', { name: 'Add endpoint' }).click();
  secret = await dialog().getByLabel('Signing secret').innerText();
  expect(secret).toMatch(/^whsec_/);
  expect(await violationsOn(page)).toEqual([]);
  await press(notClosedYet);
  await page.getByText('credits.low').waitFor();
  expect(await page.content()).not.toContain(secret);
});

test('a test event arrives, is genuine, and stands in the log as delivered', async () => {
  await press('Send test event The accounting system');
  await came(1);
  await row().getByText('Delivered').waitFor();
  await row().getByText('204').waitFor();
  const [got] = receiver.received;
  expect(got && accepts(secret, got)).toBe(true);
  expect(JSON.parse(got?.body ?? '')).toMatchObject({ type: 'webhook.test' });
  await row().getByRole('button', { name: 'Details of webhook.test' }).click();
  await dialog().getByText('Delivered (204)').waitFor();
  await dialog().getByText(String(got?.headers['webhook-id'])).waitFor();
  expect(await violationsOn(page)).toEqual([]);
  await dialog().getByRole('button', { name: 'Close' }).click();
});

test('it is sent again under its id when somebody asks for it', async () => {
  await row().getByRole('button', { name: 'Send again webhook.test' }).click();
  await came(2);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(1);
});

test('a receiver that fails is seen failing, and takes the event by itself when it is back', async () => {
  receiver.answer = 500;
  await press('Send test event The accounting system');
  await row().getByText('Waiting').waitFor();
  await row().getByText('500').waitFor();
  await page.getByText('Events are tried again by themselves.').waitFor();
  receiver.answer = 204;
  // However often it was tried meanwhile: the next time comes.
  await product.cli(z.unknown(), 'clock', 'advance', '3h');
  await row().getByText('Delivered').waitFor();
});

test('after a rotation both secrets are accepted', async () => {
  await press('Rotate secret The accounting system');
  await dialog().getByRole('button', { name: 'Make a new secret' }).click();
  const fresh = await dialog().getByLabel('Signing secret').innerText();
  await press(notClosedYet);
  await page.getByText('The secret before this one signs too until').waitFor();
  const before = receiver.received.length;
  await press('Send test event The accounting system');
  await came(before + 1);
  const got = receiver.received.at(-1);
  expect(got && [accepts(secret, got), accepts(fresh, got), fresh !== secret]).toEqual([
    ...[true, true, true],
  ]);
});

test('paused, nothing can be sent to it; switched on, edited and removed, each is shown', async () => {
  await press('Pause The accounting system');
  await page.getByText('New events are not sent here.').waitFor();
  expect(await page.getByRole('button', { name: /Send/ }).count()).toBe(0);
  await press('Switch on The accounting system');
  await page.getByText('New events are not sent here.').waitFor({ state: 'hidden' });
  await press('Edit The accounting system');
  await dialog().getByLabel('Description').fill('Books');
  await dialog().getByLabel('Every event').check();
  await dialog().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Sent to Books' }).waitFor();
});

describe.each([1280, 360])('in a window of %i pixels', (width) => {
  test('nothing is wider than the window, in light and dark, and all of it can be read', async () => {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(`${product.run.console}/settings/webhooks`);
      await row().waitFor();
      expect(await overflows(page)).toBe(false);
      expect(await violationsOn(page)).toEqual([]);
    }
    for (const name of ['Edit Books', 'Rotate secret Books', 'Remove Books']) {
      await press(name);
      const inside = await dialog().evaluate((one) => one.scrollWidth <= one.clientWidth);
      expect([name, inside]).toEqual([name, true]);
      await page.keyboard.press('Escape');
    }
  });
});

test('a developer is told whom to ask, and the server tells nothing', async () => {
  await joins(product, account.org, DEVELOPER, 'developer');
  const theirs = await signedIn(DEVELOPER);
  await theirs.getByRole('link', { name: 'Webhooks' }).click();
  await theirs.getByText('does not include webhooks').waitFor();
  const status = await theirs.evaluate(`fetch('/api/webhooks').then((answer) => answer.status)`);
  expect(status).toBe(403);
});

test('an endpoint that is removed is gone with its log', async () => {
  await press('Remove Books');
  await dialog().getByRole('button', { name: 'Remove endpoint' }).click();
  await page.getByText('No endpoints yet').waitFor();
});
