import type { Browser, Page } from 'playwright-core';
import type { Product } from '#test/product';
import { link } from './shapes.ts';

/** A person in a browser of their own, signed in by a link of the command line. */
export async function signedInAs(browser: Browser, product: Product, email: string): Promise<Page> {
  const page = await (await browser.newContext({ locale: 'en-US' })).newPage();
  page.setDefaultTimeout(30_000);
  const { url } = await product.cli(link, 'sign-in-link', '--email', email);
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign in as this person' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return page;
}
