import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { lockGrant, postNow } from '#ledger/grant-facts';
import { markVoided, stopGrant } from '#ledger/grants-sql';
import { grantVoided } from '#ledger/templates';

export interface VoidRequest {
  readonly organizationId: OrganizationId;
  readonly grantId: GrantId;
  /** Why, in the operator's words; kept with the grant. */
  readonly reason: string;
}

export type VoidOutcome =
  | {
      readonly outcome: 'voided';
      /** What was taken back. */
      readonly amount: NanoUsd;
      /** What open holds still need; what they leave of it is taken back later. */
      readonly promised: NanoUsd;
    }
  | { readonly outcome: 'already_voided' }
  /** Everything was spent before. */
  | { readonly outcome: 'nothing_left' }
  | { readonly outcome: 'expired' }
  /** A purchase is refunded: somebody paid for it. */
  | { readonly outcome: 'is_a_purchase' }
  | { readonly outcome: 'unknown_grant' };

/** Takes back what is unspent of credit that was given by mistake. A grant is voided once. */
export async function voidGrant(tx: Db, request: VoidRequest): Promise<VoidOutcome> {
  const { organizationId, grantId, reason } = request;
  const grant = await lockGrant(tx, organizationId, grantId);
  if (grant === undefined) return { outcome: 'unknown_grant' };
  if (grant.kind === 'purchase') return { outcome: 'is_a_purchase' };
  if (grant.voided) return { outcome: 'already_voided' };
  if (grant.remaining === 0n) return { outcome: 'nothing_left' };
  if (grant.expired) return { outcome: 'expired' };
  const amount = grant.unpromised;
  await tx.query(stopGrant(organizationId, grantId));
  await tx.query(markVoided(organizationId, grantId, reason));
  await postNow(tx, organizationId, `void:${grantId}`, grantVoided(grantId, amount));
  return { outcome: 'voided', amount, promised: nanos(grant.remaining - amount) };
}
