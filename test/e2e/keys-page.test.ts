import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { openBrowser } from './browser.ts';
import { createdKey, organization } from './shapes.ts';
import { signedInAs } from './signed-in.ts';

const OWNER = 'keeper@example.com';

let product: Product;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  const { id } = await product.cli(organization, 'org', 'create', 'Keys', '--owner-email', OWNER);
  for (const [name, end] of [
    ['for today', '3h'],
    ['for the whole translation department on the second floor', '30d'],
  ] as const) {
    const words = ['key', 'create', '--org', id, '--name', name, '--expires', end];
    await product.cli(createdKey, ...words);
  }
  page = await signedInAs(browser, product, OWNER);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const keysPage = () => page.goto(`${product.run.console}/settings/keys`);

/** What a screen reader says of an input after its name. */
const describedBy = (input: Locator): Promise<string> =>
  input.evaluate((element) =>
    (element.getAttribute('aria-describedby') ?? '')
      .split(' ')
      .map((id: string) => element.ownerDocument.getElementById(id)?.textContent ?? '')
      .join(' '),
  );

test('what is wrong with the expiry stands under the expiry, and is told with it', async () => {
  await keysPage();
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('some name');
  await dialog.getByLabel('Expires').selectOption('custom');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const [name, day] = [dialog.getByLabel('Name'), dialog.getByLabel('Last day')];
  await dialog.getByText('Expires: choose the last day of this key.').waitFor();
  expect(await describedBy(day)).toContain('choose the last day');
  expect(await describedBy(name)).not.toContain('choose the last day');
  expect(await name.getAttribute('aria-invalid')).toBe('false');
  // The server's word on it goes to the same place.
  await day.fill('2020-01-01');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  await dialog.getByText('A key ends at a moment within the next ten years').waitFor();
  expect(await describedBy(day)).toContain('within the next ten years');
  expect(await name.getAttribute('aria-invalid')).toBe('false');
  expect(await violationsOn(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
});

test('of a key that ends within a day the time is told, of another the day', async () => {
  await keysPage();
  const ending = (name: string) =>
    page.getByRole('row').filter({ hasText: name }).getByText(/until/).innerText();
  expect(await ending('for today')).toMatch(/until \w+ \d+, \d{4}, \d+:\d\d\s[AP]M/);
  expect(await ending('second floor')).toMatch(/until \w+ \d+, \d{4}$/);
});

describe.each([1280, 360])('in a window of %i pixels', (width) => {
  test('the buttons of a key stand beside each other and do not touch', async () => {
    await page.setViewportSize({ width, height: 900 });
    await keysPage();
    for (const name of ['for today', 'second floor']) {
      const row = page.getByRole('row').filter({ hasText: name });
      const disable = await row.getByRole('button', { name: 'Disable' }).boundingBox();
      const revoke = await row.getByRole('button', { name: 'Revoke' }).boundingBox();
      if (disable === null || revoke === null) throw new Error('the buttons are not shown');
      expect(revoke.y).toBeCloseTo(disable.y, 0);
      expect(revoke.x - (disable.x + disable.width)).toBeGreaterThanOrEqual(6);
      expect(revoke.x + revoke.width).toBeLessThanOrEqual(width);
    }
    expect(await overflows(page)).toBe(false);
    expect(await violationsOn(page)).toEqual([]);
  });
});
