import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { openBrowser } from '../e2e/browser.ts';
import type { Hands, PageOutcome, TypedCard } from './hands.ts';

interface Field {
  /** By Stripe's name first, then by that of the simulator's page, which has the same fields. */
  readonly found: string;
  readonly value: string;
}

const HOLDER: readonly Field[] = [
  { found: '#email', value: 'buyer@example.com' },
  { found: '#billingName, #name', value: 'Test Person' },
  { found: '#billingCountry, #country', value: 'US' },
  { found: '#billingAddressLine1, #line1', value: '510 Townsend Street' },
  { found: '#billingLocality, #city', value: 'San Francisco' },
  { found: '#billingAdministrativeArea, #state', value: 'CA' },
  { found: '#billingPostalCode, #postal_code', value: '94103' },
];

const NUMBER = '#cardNumber, #number';
const EXPIRY = '#cardExpiry, #expiry';
const CVC = '#cardCvc, #cvc';
const PAY =
  '[data-testid="hosted-payment-submit-button"], .SubmitButton, form:has(#number) button[type=submit]';
/** The bank's question stands in a frame within a frame at Stripe, on a page of its own at ours. */
const CONFIRM = '#test-source-authorize-3ds, button[value="pass"]';
const REFUSE = '#test-source-fail-3ds, button[value="fail"]';
const PROBLEM = '.FieldError, [class*="FieldError"], .ConfirmPaymentButton-Error, .problem';
const ROBOT_CHECK = 'iframe[src*="hcaptcha.com"][title*="challenge"]';

const CLICK_MS = 10_000;

export interface BrowserHandsOptions {
  /** Where the pages lead back to. */
  readonly shopUrl: string;
  readonly patienceMs: number;
}

/** Stripe's own pages in a real browser, as a person uses them. */
export async function browserHands(options: BrowserHandsOptions): Promise<Hands> {
  const browser = await openBrowser();
  return {
    enter: (pageUrl, card) => onNewPage(browser, options, pageUrl, card),
    close: () => browser.close(),
  };
}

async function onNewPage(
  browser: Browser,
  options: BrowserHandsOptions,
  pageUrl: string,
  card: TypedCard,
): Promise<PageOutcome> {
  // A page of its own for every try: what an earlier one complained of is not taken for news.
  const context = await browser.newContext({ locale: 'en-US' });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(options.patienceMs);
    await page.goto(pageUrl);
    await page.locator(NUMBER).first().waitFor();
    await fillIn(page, card);
    await page.locator(PAY).first().click();
    return await watch(page, options, card.bank ?? 'confirm');
  } finally {
    await context.close();
  }
}

async function fillIn(page: Page, card: TypedCard): Promise<void> {
  const amex = /^3[47]/.test(card.number);
  await page.locator(NUMBER).first().fill(card.number);
  await page.locator(EXPIRY).first().fill('12 / 34');
  await page
    .locator(CVC)
    .first()
    .fill(amex ? '1234' : '123');
  // Stripe folds the address away behind its suggestions, and offers to keep the card with Link.
  const byHand = page.getByText('Enter address manually').first();
  for (const { found, value } of HOLDER) {
    const field = page.locator(found).first();
    if (!(await field.isVisible()) && (await byHand.isVisible())) await byHand.click();
    if (await field.isVisible()) await fillField(field, value);
  }
  const link = page.locator('#enableStripePass').first();
  if ((await link.isVisible()) && (await link.isChecked())) await link.uncheck();
}

async function fillField(field: Locator, value: string): Promise<void> {
  const kind = await field.evaluate((element) => element.tagName);
  if (kind === 'SELECT') await field.selectOption(value);
  else await field.fill(value);
}

async function watch(
  page: Page,
  { shopUrl, patienceMs }: BrowserHandsOptions,
  bank: NonNullable<TypedCard['bank']>,
): Promise<PageOutcome> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    if (page.url().startsWith(shopUrl)) return 'complete';
    if (await seen(page.locator(ROBOT_CHECK).first())) {
      throw new Error(
        'The payment page asks whether a person is there. ' +
          'Set REAL_STRIPE_PAGE=person and act on the pages yourself: docs/real-stripe.md.',
      );
    }
    const question = await inFrames(page, bank === 'refuse' ? REFUSE : CONFIRM);
    if (question !== undefined && bank === 'leave') return 'verifying';
    // It may be gone by then: the next look tells.
    await question?.click({ timeout: CLICK_MS }).catch(() => {});
    if (question === undefined && (await anyVisible(page.locator(PROBLEM)))) return 'declined';
    await pause(250);
  }
  const shown = (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ').slice(0, 400);
  throw new Error(`the payment page did not move on: ${page.url().split('#')[0]} shows ${shown}`);
}

async function inFrames(page: Page, selector: string): Promise<Locator | undefined> {
  for (const frame of page.frames()) {
    const found = frame.locator(selector).first();
    if (await seen(found)) return found;
  }
  return undefined;
}

/** Pages and frames go away while they are being looked at. */
const seen = (found: Locator): Promise<boolean> => found.isVisible().catch(() => false);

async function anyVisible(found: Locator): Promise<boolean> {
  for (const each of await found.all()) {
    if (!(await seen(each))) continue;
    const text = await each.innerText({ timeout: CLICK_MS }).catch(() => '');
    if (text.trim() !== '') return true;
  }
  return false;
}
