import type { Pool } from '#db/pool';
import type { Identity } from '#identity/port';
import type { Entropy } from '#kernel/ids';
import { createOrganization, listOrganizations } from '#orgs/organizations';

export const FIRST_OWNER = 'owner@localhost';
const FIRST_ORGANIZATION = 'My organization';

export interface FirstOwner {
  readonly organizationId: string;
  readonly signInUrl: string;
}

/** A fresh installation has somebody who can sign in: without mail, without a password. */
export async function welcomeOwner(
  pool: Pool,
  identity: Identity,
  entropy: Entropy,
): Promise<FirstOwner> {
  const [existing] = await listOrganizations(pool);
  const organizationId = existing?.id ?? (await createFirst(pool, entropy));
  const { url } = await identity.issueLink(FIRST_OWNER);
  return { organizationId, signInUrl: url };
}

async function createFirst(pool: Pool, entropy: Entropy): Promise<string> {
  const created = await pool.transaction((tx) =>
    createOrganization(tx, entropy, { name: FIRST_ORGANIZATION, ownerEmail: FIRST_OWNER }),
  );
  return created.organizationId;
}
