import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import { openBrowser } from './browser.ts';
import { balance, link, MODEL, refusal, usd, verdict } from './shapes.ts';
import { until } from './until.ts';
import { signIn, type Visitor } from './visitor.ts';

const LONG_MS = 90_000;
const CARD = '4242424242424242';

const purchase = z.object({
  id: z.string(),
  state: z.string(),
  redirect_url: z.string().nullable(),
  overlay: z.string().nullable(),
  refunded_usd: z.string(),
});
const paid = z.object({ status: z.literal('complete'), payment_intent: z.string() });
const refund = z.object({ id: z.string(), state: z.string(), total_usd: z.string() });
const list = z.object({ data: z.array(z.object({ purchase_id: z.string(), state: z.string() })) });
const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const payments = z.object({
  data: z.array(z.object({ kind: z.string(), state: z.string(), pdf_url: z.string().nullable() })),
});
const billing = z.object({ debt_notice: z.string().nullable() });

let product: Product;
let browser: Browser;
let account: Account;
let owner: Visitor;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  account = await openAccount(product, 'Returns');
  owner = await signIn(product, account.owner);
});
afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const sim = async (path: string, body: unknown): Promise<unknown> => {
  const answer = await fetch(`${product.run.stripe_sim}/_sim/${path}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
};

interface Bought {
  readonly id: string;
  readonly payment: string;
}

let forms = 0;
async function buy(amount: string): Promise<Bought> {
  const nonce = `money-back-${++forms}`;
  const opened = await owner.post(purchase, '/api/purchases', { amount_usd: amount, nonce });
  const session = new URL(opened.redirect_url ?? '').pathname.split('/').at(-1);
  const told = paid.parse(await sim(`pay/${session}`, { number: CARD }));
  await until('credit', LONG_MS, async () => {
    const { state } = await owner.get(purchase, `/api/purchases/${opened.id}`);
    return state === 'credited' ? state : undefined;
  });
  return { id: opened.id, payment: told.payment_intent };
}

const held = async () => {
  const now = await product.cli(balance, 'balance', '--org', account.org);
  return [now.available_usd, now.frozen_usd, now.debt_usd].map(usd);
};
const becomes = (what: string, wanted: readonly string[]) =>
  until(what, LONG_MS, async () => {
    const now = await held();
    return now.join() === wanted.map(usd).join() ? now : undefined;
  });

const call = () =>
  ask(product.run.gateway, {
    apiKey: account.apiKey,
    body: JSON.stringify({
      ...{ model: MODEL, max_tokens: 16 },
      messages: [{ role: 'user', content: 'May I?' }],
    }),
  });

test('F55: an operator refunds a part in one command, and the rest stays usable', async () => {
  const bought = await buy('20');
  const args = ['--purchase', bought.id, '--usd', '5', '--reason', 'bought too much'];
  const made = await product.cli(refund, 'refund', ...args);
  expect(made).toMatchObject({ state: 'paid', total_usd: '5' });
  expect(await held()).toEqual(['15', '0', '0'].map(usd));
  const shown = await owner.get(purchase, `/api/purchases/${bought.id}`);
  expect(shown).toMatchObject({ overlay: 'part_refunded', refunded_usd: '5' });
  const refused = await product.tryCli('refund', ...args.with(3, '15.01'), '--json');
  expect(refused.exitCode).toBe(1);
  expect(failure.parse(JSON.parse(refused.stderr)).error).toMatchObject({
    ...{ code: 'exceeds_unspent', message: expect.stringContaining('$15') },
  });
  // S27: the rest is refunded in the dashboard, and taken up by itself.
  await sim('refunds', { payment_intent: bought.payment });
  await becomes('the dashboard refund', ['0', '0', '0']);
});

test('S23, S24: a dispute freezes, a lost one leaves a debt that blocks use, never paying', async () => {
  const bought = await buy('10');
  const answer = await call();
  expect(answer.status).toBe(200);
  await answer.body?.cancel();
  const spent = usd('10') - (await account.rested());
  expect(spent).toBeGreaterThan(0n);
  await sim('disputes', { payment_intent: bought.payment, outcome: 'open' });
  await until('the freeze', LONG_MS, async () => ((await held())[0] === 0n ? true : undefined));
  expect((await held())[1]).toBe(usd('10') - spent);
  await sim('disputes', { payment_intent: bought.payment, outcome: 'lost' });
  await until('the loss', LONG_MS, async () => ((await held())[2] === spent ? true : undefined));
  expect((await product.cli(list, 'dispute', 'list')).data).toEqual([
    { purchase_id: bought.id, state: 'lost' },
  ]);

  const refused = await call();
  expect(refused.status).toBe(400);
  expect(refusal.parse(await refused.json()).error.details).toMatchObject({
    error_code: 'account_in_debt',
  });
  const { debt_notice } = await owner.get(billing, '/api/billing');
  expect(debt_notice).toContain('Your next purchase clears it first');
  await buy('10');
  expect(await held()).toEqual([usd('10') - spent, 0n, 0n]);
  const again = await call();
  expect(again.status).toBe(200);
  await again.body?.cancel();
});

test('S38: a payment of another product is none of ours to credit or refund', async () => {
  const body = new URLSearchParams({
    ...{ amount: '2000', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true' },
    ...{ off_session: 'true', 'metadata[purpose]': 'subscription' },
  });
  const answer = await fetch(`${product.run.stripe_sim}/v1/payment_intents`, {
    ...{ method: 'POST', headers: { authorization: 'Bearer sk_test_other' } },
    body,
  });
  const { id } = z.object({ id: z.string() }).parse(await answer.json());
  const refused = await product.tryCli('payment', 'refund', id, '--reason', 'x', '--json');
  expect(failure.parse(JSON.parse(refused.stderr)).error.code).toBe('payment_not_found');
});

test('the Billing page shows payments with their documents, filtered', async () => {
  await until('papers of every payment', LONG_MS, async () => {
    const { data } = await owner.get(payments, '/api/billing/payments');
    return data.every(({ pdf_url }) => pdf_url !== null) ? true : undefined;
  });
  const page = await (await browser.newContext({ locale: 'en-US' })).newPage();
  const { url } = await product.cli(link, 'sign-in-link', '--email', account.owner);
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in as this person' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.goto(`${product.run.console}/settings/billing`);
  await page.getByRole('button', { name: 'Payments and documents' }).click();
  const table = page.getByRole('table', { name: 'Payments and refunds, newest first' });
  await table.getByText('on the card:').first().waitFor();
  expect(await table.getByRole('row').count()).toBe(6);
  await page.getByLabel('Kind').selectOption('Refunds');
  await expect.poll(() => table.getByRole('row').count()).toBe(3);
  const credit = table.getByRole('link', { name: /Credit note .* \(PDF\)/ }).first();
  const pdf = await fetch((await credit.getAttribute('href')) ?? '');
  expect([pdf.status, pdf.headers.get('content-type')]).toEqual([200, 'application/pdf']);
});

test('the ledger is sound after all of it', async () => {
  const { ok, checks } = await product.cli(verdict, 'ledger', 'verify', '--full');
  expect([ok, checks.filter((check) => !check.ok)]).toEqual([true, []]);
});
