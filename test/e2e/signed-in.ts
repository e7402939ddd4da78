import type { Browser, Page } from 'playwright-core';
import { openPool } from '#db/pool';
import { addMember, findOrCreateUser } from '#orgs/members';
import type { Role } from '#orgs/roles';
import { systemEntropy } from '#src/system';
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

/** There is no page for members yet: they are put into an organization as the domain does it. */
export async function joins(
  product: Product,
  organizationId: string,
  email: string,
  role: Role,
): Promise<void> {
  const pool = openPool({ url: product.run.database_url, name: 'e2e', max: 1 });
  try {
    await pool.transaction(async (tx) => {
      const { id } = await findOrCreateUser(tx, systemEntropy, email);
      await addMember(tx, { organizationId, userId: id, role });
    });
  } finally {
    await pool.close();
  }
}
