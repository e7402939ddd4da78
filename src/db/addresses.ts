import * as sql from '#db/addresses-sql';
import type { Db } from '#db/pool';

/** What a system tells those who join it: its Console, and its simulators where it has them. */
export const ADDRESS_NAMES = ['console', 'stripe_sim', 'model_sim'] as const;
export type AddressName = (typeof ADDRESS_NAMES)[number];
export type Addresses = Readonly<Partial<Record<AddressName, string>>>;

/** Where the servers of this system are. A process that was killed has left its own behind. */
export async function readAddresses(db: Db): Promise<Addresses> {
  const rows = await db.query<sql.AddressRow>(sql.selectAddresses);
  const told = rows.map(({ name, url }) => [name, url] as const);
  return Object.fromEntries(told);
}

/** Tells where the servers of this process are, in place of what was told before. */
export async function tellAddresses(db: Db, addresses: Addresses): Promise<void> {
  await db.query(sql.replaceAddresses(Object.keys(addresses), Object.values(addresses)));
}

/** Takes back what this process told, and nothing that another has told since. */
export async function forgetAddresses(db: Db, addresses: Addresses): Promise<void> {
  await db.query(sql.deleteAddresses(Object.keys(addresses), Object.values(addresses)));
}
