import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { membershipsOf, readUser } from '#orgs/members';
import type { SettingsRow } from '#payments/auto-reload-sql';

/** The processor refuses a whole charge for an address it cannot read. */
const READABLE = /^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$/;
/** As the processor and the column take it. */
const LENGTH_MOST = 254;

/**
 * Where the processor sends the receipt of a charge that nobody was there for: to who agreed to it,
 * while they belong to the organization. Null where that was a program, or they have left.
 */
export async function findReceiptEmail(
  db: Db,
  organizationId: OrganizationId,
  settings: Pick<SettingsRow, 'consentBy'> | undefined,
): Promise<string | null> {
  const userId = settings?.consentBy ?? null;
  if (userId === null) return null;
  const user = await readUser(db, userId);
  if (user === undefined) return null;
  const memberships = await membershipsOf(db, user.id);
  const belongs = memberships.some((one) => one.organizationId === organizationId);
  const { email } = user;
  return belongs && email.length <= LENGTH_MOST && READABLE.test(email) ? email : null;
}
