import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { type GrantIssued, issueGrant } from '#ledger/grants';
import { expiryOf } from '#ledger/grants-sql';

/** Begins the reference of what was given back, so that nobody reads it as bought. */
export const REINSTATED = 'reinstated:';

export interface Reinstatement {
  readonly organizationId: OrganizationId;
  /** The grant it was taken of; its end is the new one's end. */
  readonly of: GrantId;
  readonly grantId: GrantId;
  readonly amount: NanoUsd;
  readonly tax: NanoUsd;
  /** Names the change of mind: told twice, it comes back once. */
  readonly source: string;
  /** Of what had taken it. */
  readonly reference: string;
}

/**
 * Money that was taken back comes in again: a verdict was turned around, or a refund that took
 * spent credit failed. It is money in, so it is a grant, and first repays what is owed for it. It
 * does not outlive the credit it was; of credit that has expired meanwhile, it has expired.
 */
export async function reinstateCredit(tx: Db, back: Reinstatement): Promise<GrantIssued> {
  const { of, ...grant } = back;
  const [row] = await tx.query<{ expires_at: Date }>(expiryOf(back.organizationId, of));
  assert(row !== undefined, 'what was taken names its grant');
  const reference = `${REINSTATED}${back.reference}`;
  return issueGrant(tx, { ...grant, reference, kind: 'purchase', expiresAt: row.expires_at });
}
