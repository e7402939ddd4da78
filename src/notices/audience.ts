import type { Db } from '#db/pool';
import type { Audience } from '#notices/recipients';
import { readSettings } from '#notices/settings';
import { membersOf } from '#orgs/watched';
import { type AddressRow, listAddresses, listOptOuts, type OptOutRow } from './settings-sql.ts';

/** All that decides who is told, as it stands at this moment. */
export async function readAudience(db: Db, organizationId: string): Promise<Audience> {
  const settings = await readSettings(db, organizationId);
  const members = await membersOf(db, organizationId);
  const added = await db.query<AddressRow>(listAddresses(organizationId));
  const addresses = added.filter(({ confirmedAt }) => confirmedAt !== null);
  const optOuts = await db.query<OptOutRow>(listOptOuts(organizationId));
  return { settings, members, addresses, optOuts };
}
