import { expect, test } from 'vitest';
import { bundledBook } from '#pricing/bundled-book';
import { canonicalForm } from './books.ts';

/** The bundled book as it is released, by version: deployments have recorded it under that name. */
const RELEASED: Readonly<Record<string, string>> = {
  '2026-11-21': '803f1d9f00c6b3a91f55bddce44520319aa2487112bc7ac1bdd59119f877bf00',
};

test('a bundled book that says something else has a new version and is added here', () => {
  const book = bundledBook();
  const digest = canonicalForm(book).digest.toString('hex');
  expect({ [book.version]: digest }).toEqual({ [book.version]: RELEASED[book.version] });
});
