import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Role } from '#orgs/roles';
import { type Product, startProduct } from '#test/product';
import { overflows, violationsOn } from './accessible.ts';
import { openBrowser } from './browser.ts';
import { organization } from './shapes.ts';
import { joins, signedInAs } from './signed-in.ts';
import { until } from './until.ts';
import { signIn } from './visitor.ts';

const OWNER = 'ada@example.com';
const BOB = 'bob@example.com';
const settings = {
  ...{ low_balance_usd: '5', runway_days: null, limit_steps: [80], digest: false },
};

const reload = z.object({ consent: z.object({ version: z.string() }) });

let product: Product;
let browser: Browser;
let page: Page;
let org: string;

beforeAll(async () => {
  browser = await openBrowser();
  product = await startProduct();
  org = (await product.cli(organization, 'org', 'create', 'Acme', '--owner-email', OWNER)).id;
  page = await personAs(OWNER);
}, 120_000);

afterAll(async () => {
  try {
    await browser?.close();
  } finally {
    await product?.stop();
  }
});

const personAs = (email: string): Promise<Page> => signedInAs(browser, product, email);

const join = (email: string, role: Role): Promise<void> => joins(product, org, email, role);

const billing = (of: Page) => of.goto(`${product.run.console}/settings/billing`);
const list = (of: Page) => of.getByRole('region', { name: 'Who is watching' });
const duty = (of: Page, title: string) => list(of).getByRole('listitem').filter({ hasText: title });

/** Reads well on a phone and by a screen reader, opened. */
async function readsWell(of: Page): Promise<void> {
  await list(of).locator('summary').click();
  await duty(of, 'May buy credits').waitFor();
  expect(await violationsOn(of)).toEqual([]);
  await of.setViewportSize({ width: 360, height: 800 });
  expect(await overflows(of)).toBe(false);
  await of.setViewportSize({ width: 1280, height: 900 });
}

describe('who is watching, as people of an organization see it', () => {
  test('one person alone is told so in one line, and calmly', async () => {
    await billing(page);
    await list(page).getByText('some of it depends on one person alone').waitFor();
    expect(await list(page).getByRole('status').count()).toBe(0);
    await list(page).locator('summary').click();
    await duty(page, 'May buy credits').getByText(`${OWNER} (you)`).waitFor();
  });

  test('with a second person every duty is done, and each is answered by name', async () => {
    await join(BOB, 'billing');
    await billing(page);
    await list(page).getByText('Somebody looks after everything.').waitFor();
    expect(await duty(page, 'May buy credits').count()).toBe(0);
    await readsWell(page);
    await duty(page, 'May buy credits').getByText(`${BOB} (Billing)`).waitFor();
  });

  test('a duty that nobody does is a warning, which leads to where it is put right', async () => {
    const visitor = await signIn(product, OWNER);
    const roles = { balance: [] };
    await visitor.post(z.unknown(), '/api/notices/settings', { ...settings, roles });
    await billing(page);
    const warning = list(page).getByRole('status');
    await warning.getByText('Nobody looks after this').waitFor();
    await warning.getByText('Nobody is told.').waitFor();
    await readsWell(page);
    await warning.getByRole('link', { name: 'Choose who is told' }).click();
    await page.getByRole('heading', { name: 'Notices', level: 1 }).waitFor();
  });

  test('auto-reload without a card to charge leads to the cards', async () => {
    const visitor = await signIn(product, OWNER);
    const roles = { balance: ['admin', 'billing'] };
    await visitor.post(z.unknown(), '/api/notices/settings', { ...settings, roles });
    const { consent } = await visitor.get(reload, '/api/auto-reload');
    await visitor.post(z.unknown(), '/api/auto-reload', {
      ...{ enabled: true, threshold_usd: '10', target_usd: '50', max_per_day: 3 },
      ...{ max_usd_per_month: null, consent_version: consent.version },
    });
    await billing(page);
    const warning = list(page).getByRole('status');
    await warning.getByText('has no default card to charge').waitFor();
    await page.setViewportSize({ width: 360, height: 500 });
    await warning.getByRole('link', { name: 'Go to Cards' }).click();
    await page.waitForURL('**/settings/billing#cards');
    await until('the cards to be in view', 30_000, async () => {
      const box = await page.getByRole('region', { name: 'Cards' }).boundingBox();
      return box !== null && box.y > -1 && box.y < 500 ? true : undefined;
    });
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('who may only look reads the same without names and links', async () => {
    await join('dev@example.com', 'developer');
    const developer = await personAs('dev@example.com');
    await billing(developer);
    await list(developer).getByText('Something is missing here').waitFor();
    await list(developer).locator('summary').click();
    await duty(developer, 'May buy credits').getByText('1 with the role Admin').waitFor();
    expect(await list(developer).getByRole('link').count()).toBe(0);
    expect(await list(developer).innerText()).not.toContain(OWNER);
  });
});
