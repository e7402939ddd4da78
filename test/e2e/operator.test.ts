import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { type Account, ask, openAccount } from './account.ts';
import { openBrowser } from './browser.ts';
import { MODEL, verdict } from './shapes.ts';
import { signedInAs } from './signed-in.ts';
import { until } from './until.ts';
import { signIn, type Visitor } from './visitor.ts';

/** In a trial with simulated money on one machine the first owner is the operator. */
const OPERATOR = 'owner@localhost';
const LONG_MS = 90_000;

const purchase = z.object({
  id: z.string(),
  state: z.string(),
  redirect_url: z.string().nullable(),
});
const payments = z.object({
  data: z.array(
    z.object({
      payment_intent: z.string(),
      metadata: z.record(z.string(), z.string()),
      charges: z.array(z.object({ amount_refunded: z.int() })),
    }),
  ),
});
const intent = z.object({ id: z.string() });
const me = z.object({ operator: z.boolean() });

let product: Product;
let browser: Browser;
let account: Account;
let owner: Visitor;
let page: Page;
let environment: string;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  account = await openAccount(product, 'Harbor');
  owner = await signIn(product, account.owner);
  page = await browserOf(OPERATOR);
}, LONG_MS);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const browserOf = (email: string): Promise<Page> => signedInAs(browser, product, email);

async function sim(path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${product.run.stripe_sim}/_sim/${path}`, {
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** A payment that succeeds at the processor, tagged as told, that nobody here began. */
async function paidElsewhere(amount: number, tags: Record<string, string>): Promise<string> {
  const metadata = Object.entries(tags).map(([name, value]) => [`metadata[${name}]`, value]);
  const answer = await fetch(`${product.run.stripe_sim}/v1/payment_intents`, {
    ...{ method: 'POST', headers: { authorization: 'Bearer sk_test_other' } },
    body: new URLSearchParams({
      ...{ amount: String(amount), currency: 'usd', payment_method: 'pm_card_visa' },
      ...{ confirm: 'true', off_session: 'true', ...Object.fromEntries(metadata) },
    }),
  });
  return intent.parse(await answer.json()).id;
}

const refundedOf = async (payment: string) =>
  payments
    .parse(await sim('payments'))
    .data.find(({ payment_intent: id }) => id === payment)
    ?.charges.reduce((sum, { amount_refunded: cents }) => sum + cents, 0);

const call = () =>
  ask(product.run.gateway, {
    apiKey: account.apiKey,
    body: JSON.stringify({
      ...{ model: MODEL, max_tokens: 16 },
      messages: [{ role: 'user', content: 'May I?' }],
    }),
  });

const operatorPage = (search = '') => page.goto(`${product.run.console}/operator${search}`);
const line = (text: string) => page.getByRole('listitem').filter({ hasText: text });
const dialog = () => page.getByRole('dialog');

test('the page is there for operators alone, and so is the way to it', async () => {
  const customer = await browserOf(account.owner);
  expect(await customer.getByRole('link', { name: 'Operator' }).count()).toBe(0);
  const answer = await customer.goto(`${product.run.console}/operator`);
  expect(answer?.status()).toBe(404);
  await customer.getByRole('heading', { name: 'Page not found' }).waitFor();
  expect((await owner.get(me, '/api/me')).operator).toBe(false);
  await page.getByRole('link', { name: 'Operator' }).click();
  await page.getByRole('heading', { name: 'Operator' }).waitFor();
  expect((await operatorPage())?.status()).toBe(200);
});

test('while nothing needs a person the page says so, and what was looked at', async () => {
  await operatorPage();
  await page.getByText('All is well').waitFor();
  for (const checked of ['Ledger', 'Clearing accounts', 'Alarms', 'Processor against books']) {
    await page.getByRole('row').filter({ hasText: checked }).waitFor();
  }
  expect(await violationsOn(page)).toEqual([]);
});

test('a purchase is found by its owner’s address, with every step it went through', async () => {
  const opened = await owner.post(purchase, '/api/purchases', {
    ...{ amount_usd: '20', nonce: 'operator-e2e-1' },
  });
  const session = new URL(opened.redirect_url ?? '').pathname.split('/').at(-1);
  await sim(`pay/${session}`, { number: '4242424242424242' });
  await until('credit', LONG_MS, async () => {
    const { state } = await owner.get(purchase, `/api/purchases/${opened.id}`);
    return state === 'credited' ? state : undefined;
  });
  const [paid] = payments.parse(await sim('payments')).data;
  environment = paid?.metadata.env ?? '';
  await operatorPage();
  await page.getByRole('searchbox').fill('harbor@exam');
  await page.getByRole('button', { name: 'Find' }).click();
  const found = page.getByRole('list', { name: 'Organizations found' });
  await found.getByRole('link', { name: 'Harbor', exact: true }).click();
  await page.getByRole('heading', { name: 'Harbor' }).waitFor();
  await page.getByText(opened.id, { exact: true }).click();
  const steps = page.getByRole('list', { name: 'What happened' });
  await steps.getByText('Credited', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Refund what is unspent' }).click();
  await dialog().getByRole('button', { name: 'Refund $20.00' }).click();
  await dialog().getByText('Reason: say why.').waitFor();
  await dialog().getByLabel('Reason').fill('bought by mistake');
  await dialog().getByRole('button', { name: 'Refund $20.00' }).click();
  await dialog().waitFor({ state: 'hidden' });
  await page.getByRole('row').filter({ hasText: 'bought by mistake' }).waitFor();
  await until('the refund', LONG_MS, async () =>
    (await refundedOf(paid?.payment_intent ?? '')) === 2000 ? true : undefined,
  );
  expect(await owner.available()).toBe(0n);
});

test('a payment that fits nothing is credited in two clicks, and can be used', async () => {
  expect((await call()).status).toBe(400);
  const payment = await paidElsewhere(2500, {
    ...{ purpose: 'credit_topup', purchase_id: 'pur_unknown', env: environment },
  });
  await operatorPage();
  await until('the line', LONG_MS, async () => {
    await page.getByRole('button', { name: 'Look again' }).click();
    return (await line(payment).count()) > 0 ? true : undefined;
  });
  await line(payment).getByText('$25.00').waitFor();
  await line(payment).getByRole('button', { name: 'Credit here' }).click();
  await dialog().getByText('Becomes credit').waitFor();
  await dialog().getByRole('button', { name: 'Credit $25.00' }).click();
  await dialog().getByText('Organization: choose').waitFor();
  expect(await violationsOn(page)).toEqual([]);
  await dialog().getByLabel('Organization that gets the credit').fill('harb');
  await dialog()
    .getByRole('radio', { name: /Harbor/ })
    .check();
  await dialog().getByLabel('Reason').fill('she sent the receipt');
  await dialog().getByRole('button', { name: 'Credit $25.00' }).click();
  await dialog().getByText('Credited to Harbor').waitFor();
  await dialog().getByText(`Decided by ${OPERATOR}`).waitFor();
  await dialog().getByRole('button', { name: 'Close' }).click();
  await page.getByText('All is well').waitFor();
  const answer = await call();
  expect(answer.status).toBe(200);
  await answer.body?.cancel();
  expect(await account.rested()).toBeLessThan(25_000_000_000n);
});

test('a payment on the wrong product is found by its id and refunded, by keyboard', async () => {
  const payment = await paidElsewhere(1500, { purpose: 'subscription' });
  await operatorPage();
  await page.getByRole('searchbox').fill(payment);
  await page.keyboard.press('Enter');
  await page.getByText('It is not a purchase of credits.').waitFor();
  await page.getByText('subscription', { exact: true }).waitFor();
  await page.getByRole('button', { name: /^Refund/ }).press('Enter');
  await dialog().getByLabel('Reason').fill('meant for another shop');
  await page.keyboard.press('Enter');
  await dialog().getByText('Refunded', { exact: true }).waitFor();
  expect(await refundedOf(payment)).toBe(1500);
  await page.keyboard.press('Escape');
  await page.getByText('It has been dealt with.').waitFor();
  await page.getByText('meant for another shop').waitFor();
});

test('an organization is suspended with a reason, refused, and served again', async () => {
  await operatorPage(`?organization=${account.org}`);
  await page.getByRole('button', { name: 'Suspend' }).click();
  await dialog().getByLabel('Reason').fill('their key was leaked');
  await dialog().getByRole('button', { name: 'Suspend the organization' }).click();
  await dialog().waitFor({ state: 'hidden' });
  await page.getByText('Suspended', { exact: true }).waitFor();
  await until('the refusal', LONG_MS, async () => {
    const answer = await call();
    await answer.body?.cancel();
    return answer.status === 403 ? true : undefined;
  });
  await page.getByRole('button', { name: 'Resume' }).click();
  await dialog().getByLabel('Reason').fill('new keys were made');
  await dialog().getByRole('button', { name: 'Resume the organization' }).click();
  await page.getByText('Active', { exact: true }).waitFor();
});

test.each([1280, 360])('at %i pixels nothing is wider than the window', async (width) => {
  const payment = await paidElsewhere(width, {
    ...{ purpose: 'credit_topup', purchase_id: 'pur_unknown', env: environment },
  });
  await page.setViewportSize({ width, height: 900 });
  await until('the line', LONG_MS, async () => {
    await operatorPage();
    await page.getByRole('heading', { name: 'Checks' }).waitFor();
    return (await line(payment).count()) > 0 ? true : undefined;
  });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const search of ['', `?organization=${account.org}`, `?payment=${payment}`]) {
      await operatorPage(search);
      await page.getByRole('heading', { level: 2 }).first().waitFor();
      expect([search, await overflows(page)]).toEqual([search, false]);
      expect([search, await violationsOn(page)]).toEqual([search, []]);
    }
    await page.getByRole('button', { name: /^Credit here/ }).click();
    await dialog().getByText('Becomes credit').waitFor();
    expect(await dialog().evaluate((one) => one.scrollWidth <= one.clientWidth)).toBe(true);
    expect(await violationsOn(page)).toEqual([]);
    await dialog().getByRole('button', { name: 'Cancel' }).click();
  }
});

test('the ledger is sound after all of it', async () => {
  const { ok, checks } = await product.cli(verdict, 'ledger', 'verify', '--full');
  expect([ok, checks.filter((check) => !check.ok)]).toEqual([true, []]);
});
