import Anthropic, { APIError } from '@anthropic-ai/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { openBrowser } from './browser.ts';
import { createdKey, MODEL, organization } from './shapes.ts';
import { signedInAs } from './signed-in.ts';
import { until } from './until.ts';
import { signIn } from './visitor.ts';

const OWNER = 'ada@example.com';
const BOOKS = 'books@example.com';
const WAIT = 60_000;

const mails = z.object({
  data: z.array(z.object({ id: z.string(), to: z.string(), subject: z.string() })),
});
const mail = z.object({ text: z.string(), has_html: z.boolean() });
const bought = z.object({ id: z.string(), redirect_url: z.string() });

let product: Product;
let browser: Browser;
let page: Page;
let org: string;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  org = (await product.cli(organization, 'org', 'create', 'Acme', '--owner-email', OWNER)).id;
  page = await signedInAs(browser, product, OWNER);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const at = (path: string) => `${product.run.console}${path}`;
const mailbox = async () => {
  const answer = await fetch(at('/api/mailbox'));
  return mails.parse(await answer.json()).data;
};
/** The newest mail with this in its subject, once it has come. */
const mailAbout = (subject: string, to = OWNER) =>
  until(`a mail about ${subject}`, WAIT, async () =>
    (await mailbox()).find((one) => one.to === to && one.subject.includes(subject)),
  );

describe('notices, as a customer meets them', () => {
  test('credits are bought, and their receipt is in the mailbox, its text part included', async () => {
    const visitor = await signIn(product, OWNER);
    const nonce = 'one-form-of-notices';
    const purchase = await visitor.post(bought, '/api/purchases', { amount_usd: '5', nonce });
    const session = new URL(purchase.redirect_url).pathname.split('/').at(-1);
    const paid = await fetch(`${product.run.stripe_sim}/_sim/pay/${session}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: '4242424242424242', three_ds: 'pass' }),
    });
    expect(paid.ok).toBe(true);
    const receipt = await mailAbout('Your receipt: $5.00 of credits');
    await page.goto(at('/mailbox'));
    await page.getByRole('link', { name: receipt.subject }).click();
    await page.getByRole('heading', { name: 'Plain text' }).waitFor();
    expect(await page.locator('pre').innerText()).toMatch(/Charged: +\$5\.00/);
    const shown = page.frameLocator('iframe');
    await shown.getByRole('heading', { name: /\$5\.00 of credits can be used now/ }).waitFor();
    expect(await violationsOn(page)).toEqual([]);
  });

  test('credits run out, and it is said once that access is turned off', async () => {
    const made = await product.cli(createdKey, 'key', 'create', '--org', org);
    const client = new Anthropic({
      ...{ apiKey: made.key, baseURL: product.run.gateway, maxRetries: 0 },
    });
    const ask = (tokens: number) =>
      client.messages.create(
        { model: MODEL, max_tokens: tokens, messages: [{ role: 'user', content: 'Hello' }] },
        { headers: { 'x-sim-scenario': `ok;output_tokens=${tokens}` } },
      );
    const spend = async (): Promise<number | undefined> => {
      for (let calls = 0; calls < 100; calls += 1) {
        try {
          await ask(20_000);
        } catch (error) {
          if (error instanceof APIError) return error.status;
          throw error;
        }
      }
      return undefined;
    };
    expect(await spend()).toBe(400);
    const off = await mailAbout('API access is turned off');
    const answer = await fetch(at(`/api/mailbox/${off.id}`));
    const [link = ''] = /http\S+buy=1/.exec(mail.parse(await answer.json()).text) ?? [];
    await page.goto(link);
    await page.getByRole('dialog').getByLabel('Amount in US dollars').waitFor();
    expect(await page.getByLabel('Amount in US dollars').inputValue()).toBe('25');
    for (let times = 0; times < 3; times += 1) await expect(ask(20_000)).rejects.toThrow();
    const about = (await mailbox()).filter(({ subject }) => subject.includes('turned off'));
    expect(about).toHaveLength(1);
  });

  test('an address is added, and agrees by the link of the one mail it gets before', async () => {
    await page.goto(at('/settings/notices'));
    await page.getByText('Thank you. $5.00 of credits').waitFor();
    await page.getByRole('button', { name: 'Add an address' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('E-mail address').fill(BOOKS);
    await dialog.getByRole('button', { name: 'Add and ask' }).click();
    await page.getByText('Has not agreed yet').waitFor();
    const asking = await mailAbout('Confirm that', BOOKS);
    await page.goto(at(`/mailbox?mail=${asking.id}`));
    await page.locator('pre a').first().click();
    await page.getByRole('button', { name: 'I agree' }).click();
    await page.getByText(`Bursar now sends notices to ${BOOKS}.`).waitFor();
    await page.goto(at('/settings/notices'));
    await page.getByText('Agreed', { exact: true }).waitFor();
  });

  test('what is chosen is kept, and the page reads well on a phone and by a screen reader', async () => {
    await page.getByLabel('Balance below').fill('-1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Enter dollars in digits').waitFor();
    await page.getByLabel('Balance below').fill('12.50');
    await page.getByLabel('One quiet summary a day').check();
    const topic = page.getByRole('group', { name: 'Spend limits' });
    await topic.getByLabel('Developer', { exact: true }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Saving…' }).waitFor({ state: 'detached' });
    await until('the choice to be kept', WAIT, async () => {
      await page.reload();
      await page.getByLabel('Balance below').waitFor();
      const kept = await page.getByLabel('Balance below').inputValue();
      return kept === '12.5' ? true : undefined;
    });
    expect(await topic.getByLabel('Developer', { exact: true }).isChecked()).toBe(true);
    expect(await page.getByLabel('One quiet summary a day').isChecked()).toBe(true);
    for (const path of ['/settings/notices', '/mailbox']) {
      await page.goto(at(path));
      await page.getByRole('listitem').first().waitFor();
      expect(await violationsOn(page)).toEqual([]);
      await page.setViewportSize({ width: 360, height: 800 });
      expect(await overflows(page)).toBe(false);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
  });
});
