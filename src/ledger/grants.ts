import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { type NanoUsd, ZERO } from '#kernel/money';
import { post } from '#ledger/post';
import * as sql from '#ledger/sql';
import { operatorGranted, purchaseGranted } from '#ledger/templates';

export type GrantKind = 'purchase' | 'promotional' | 'adjustment';

export interface GrantRequest {
  readonly organizationId: OrganizationId;
  readonly grantId: GrantId;
  readonly kind: GrantKind;
  readonly amount: NanoUsd;
  /** Collected on top of the credit; purchases only. */
  readonly tax?: NanoUsd;
  /** What caused it, unique per organization: a payment makes one grant however often it is told. */
  readonly source: string;
  /** What a statement shows as the reference of the entry; the source if absent. */
  readonly reference?: string;
  /** When the money arrived; now if absent. Expiry counts from here. */
  readonly happenedAt?: Date;
  /** One year after `happenedAt` if absent (money rule 3). */
  readonly expiresAt?: Date;
  readonly reason?: string;
}

export interface GrantIssued {
  readonly outcome: 'issued' | 'already_issued';
  readonly grantId: GrantId;
  readonly expiresAt: Date;
}

/** Opens a grant and books it. Call it in the transaction that records why. */
export async function issueGrant(tx: Db, request: GrantRequest): Promise<GrantIssued> {
  await tx.query(sql.openBook(request.organizationId));
  await tx.query(sql.lockBook(request.organizationId));
  const [opened] = await tx.query<sql.GrantTerms>(sql.openGrant(request));
  if (opened === undefined) {
    const earlier = sql.only(
      await tx.query<sql.GrantTerms>(sql.grantBySource(request.organizationId, request.source)),
    );
    return { outcome: 'already_issued', grantId: earlier.id, expiresAt: earlier.expires_at };
  }
  const lines =
    request.kind === 'purchase'
      ? purchaseGranted(request.grantId, request.amount, request.tax ?? ZERO)
      : operatorGranted(request.kind, request.grantId, request.amount);
  const reference = request.reference ?? request.source;
  await post(tx, request.organizationId, reference, lines, opened.granted_at);
  return { outcome: 'issued', grantId: opened.id, expiresAt: opened.expires_at };
}

export interface BurnDownKey {
  readonly id: string;
  readonly kind: GrantKind;
  readonly grantedAt: Date;
  readonly expiresAt: Date;
}

/**
 * The order in which grants are used up, expire and are refunded: soonest expiry, promotional and
 * adjustments before paid, oldest, then id. The index `live_grants_in_burn_order` is the same order.
 */
export function byBurnDown(a: BurnDownKey, b: BurnDownKey): number {
  const paid = (grant: BurnDownKey): number => (grant.kind === 'purchase' ? 1 : 0);
  return (
    a.expiresAt.getTime() - b.expiresAt.getTime() ||
    paid(a) - paid(b) ||
    a.grantedAt.getTime() - b.grantedAt.getTime() ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  );
}
