import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { type Account, ask, openAccount } from './account.ts';
import { openBrowser } from './browser.ts';
import { MODEL } from './shapes.ts';
import { signedInAs } from './signed-in.ts';
import { until } from './until.ts';

let product: Product;
let browser: Browser;
let account: Account;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  account = await openAccount(product, 'Vigil');
  await account.give('50');
  page = await signedInAs(browser, product, account.owner);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

/** A call that uses so much output. */
function call(output: number): Promise<Response> {
  const body = JSON.stringify({
    ...{ model: MODEL, max_tokens: output },
    messages: [{ role: 'user', content: 'Everything, please.' }],
  });
  const headers = { 'x-sim-scenario': `ok;input_tokens=10;output_tokens=${output}` };
  return ask(product.run.gateway, { apiKey: account.apiKey, body, headers });
}
const refusal = z.object({
  error: z.object({ type: z.string(), details: z.object({ error_code: z.string() }) }),
});
const open = (path: string) => page.goto(`${product.run.console}${path}`);

async function looksRight(): Promise<void> {
  expect(await violationsOn(page)).toEqual([]);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await overflows(page)).toBe(false);
  if (size !== null) await page.setViewportSize(size);
}

test('an admin says that a key which spends unusually fast is to be paused', async () => {
  await open('/settings/limits');
  await page.getByText('Nobody has changed this yet.').waitFor();
  await page.getByRole('button', { name: 'Change what is done about unusual spending' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('When a key spends far faster').selectOption('pause');
  await dialog.getByText('it is paused within seconds').waitFor();
  expect(await violationsOn(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText(`Set by ${account.owner}`).waitFor();
  await looksRight();
});

test('such a key is refused with the reason, and every page that matters says so', async () => {
  // More than a dollar each; the last may meet a key that is paused already.
  for (let spent = 0; spent < 4; spent++) expect((await call(60_000)).status).toBe(200);
  await call(60_000);
  const answer = await until('the key is paused', 60_000, async () => {
    const tried = await call(10);
    return tried.status === 403 ? refusal.parse(await tried.json()) : undefined;
  });
  expect(answer.error).toMatchObject({
    ...{ type: 'permission_error', details: { error_code: 'api_key_paused' } },
  });
  for (const path of ['/', '/settings/billing', '/settings/keys']) {
    await open(path);
    await page.getByText('The API key “tests” is paused: it spent unusually fast').waitFor();
    await looksRight();
  }
  const row = page.getByRole('row').filter({ hasText: 'tests' });
  await row.getByText('Paused').waitFor();
  await row.getByText(/in 5 minutes\. It had spent nothing like it before\./).waitFor();
});

test('one click resumes it, and the page of limits keeps who did', async () => {
  await page.getByRole('button', { name: 'Resume key' }).click();
  const row = page.getByRole('row').filter({ hasText: 'tests' });
  await row.getByText('Active').waitFor();
  await page.getByText('is paused: it spent').waitFor({ state: 'detached' });
  await until('the key is good again', 60_000, async () =>
    (await call(10)).status === 200 ? true : undefined,
  );
  await open('/settings/limits');
  await page.getByText(`Resumed by ${account.owner}`).waitFor();
  await looksRight();
});
