import type { Statement } from '#db/pool';

export interface AddressRow {
  readonly name: string;
  readonly url: string;
}

export const selectAddresses: Statement = { text: 'SELECT name, url FROM bursar.addresses' };

/** What is not among them was of a process that is gone. */
export const replaceAddresses = (names: readonly string[], urls: readonly string[]): Statement => ({
  text: `WITH gone AS (DELETE FROM bursar.addresses WHERE name <> ALL ($1::text[]))
    INSERT INTO bursar.addresses (name, url) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (name) DO UPDATE SET url = EXCLUDED.url`,
  values: [names, urls],
});

/** Those of another process, which was started meanwhile, stay. */
export const deleteAddresses = (names: readonly string[], urls: readonly string[]): Statement => ({
  text: `DELETE FROM bursar.addresses
    WHERE (name, url) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
  values: [names, urls],
});
