import type { Db } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, NANOS_PER_USD, type NanoUsd, nanos, ZERO } from '#kernel/money';
import * as sql from '#ledger/grants-sql';
import { post } from '#ledger/post';
import { lockBook, only, openBook } from '#ledger/sql';
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
  /** What of it paid a debt at once; it is not spendable. */
  readonly repaid: NanoUsd;
}

/** The largest grant, one billion dollars: the CHECK of `ledger.grants` in 0003. */
export const GRANT_MOST = nanos(1_000_000_000n * NANOS_PER_USD);
/**
 * All credit of an organization together, frozen credit included. Sums of it are 64-bit integers in
 * PostgreSQL (9.22 × 10¹⁸); the rest is room for refunds that are returned.
 */
export const CREDIT_MOST = nanos(9n * GRANT_MOST);

export type GrantRefusal =
  | { readonly outcome: 'amount_out_of_range'; readonly most: NanoUsd }
  | { readonly outcome: 'balance_too_large'; readonly room: NanoUsd };

/**
 * Why a grant of this amount cannot be issued; undefined if it can. Ask before a payment is taken
 * (F93): afterwards the money is there and the credit is owed.
 */
export async function grantRefusal(
  db: Db,
  organizationId: OrganizationId,
  amount: NanoUsd,
): Promise<GrantRefusal | undefined> {
  if (amount <= 0n || amount > GRANT_MOST) {
    return { outcome: 'amount_out_of_range', most: GRANT_MOST };
  }
  const room = await roomForCredit(db, organizationId);
  return amount > room ? { outcome: 'balance_too_large', room } : undefined;
}

/** How much more credit an organization may be given, in nano-USD; below zero where there is more. */
export async function roomForCredit(db: Db, organizationId: OrganizationId): Promise<NanoUsd> {
  const { credit } = await readPosition(db, organizationId);
  return nanos(CREDIT_MOST - credit);
}

/**
 * Opens a grant and books it; a purchase first repays what the customer owes. Call it in the
 * transaction that records why, for amounts that `grantRefusal` lets pass.
 */
export async function issueGrant(tx: Db, request: GrantRequest): Promise<GrantIssued> {
  const told = await issueIfRoom(tx, request);
  if ('grantId' in told) return told;
  throw new Fault(`a grant was issued that is refused: ${told.outcome}`);
}

/**
 * `issueGrant` for who can still say no: the refusal is decided with the book locked, so of two
 * grants that race for the last room one is told so.
 */
export async function issueIfRoom(
  tx: Db,
  request: GrantRequest,
): Promise<GrantIssued | GrantRefusal> {
  const { organizationId, grantId, kind, amount } = request;
  await tx.query(openBook(organizationId));
  await tx.query(lockBook(organizationId));
  const reference = request.reference ?? request.source;
  const earlier = await readEarlier(tx, request, reference);
  if (earlier !== undefined) return earlier;
  const refusal = await grantRefusal(tx, organizationId, amount);
  if (refusal !== undefined) return refusal;
  const opened = only(await tx.query<sql.GrantTerms>(sql.openGrant(request)));
  const { debt } = await readPosition(tx, organizationId);
  const repaid = kind === 'purchase' ? least(amount, debt) : ZERO;
  const lines =
    kind === 'purchase'
      ? purchaseGranted(grantId, amount, request.tax ?? ZERO, repaid)
      : operatorGranted(kind, grantId, amount);
  await post(tx, organizationId, reference, lines, opened.granted_at);
  return { outcome: 'issued', grantId: opened.id, expiresAt: opened.expires_at, repaid };
}

async function readEarlier(
  tx: Db,
  request: GrantRequest,
  reference: string,
): Promise<GrantIssued | undefined> {
  const [earlier] = await tx.query<sql.EarlierGrant>(
    sql.grantBySource(request.organizationId, request.source, reference),
  );
  if (earlier === undefined) return undefined;
  return {
    outcome: 'already_issued',
    grantId: earlier.id,
    expiresAt: earlier.expires_at,
    repaid: nanos(earlier.repaid_nanos),
  };
}

/** An organization without a book has no credit and owes nothing. */
async function readPosition(
  db: Db,
  organizationId: OrganizationId,
): Promise<{ readonly credit: bigint; readonly debt: NanoUsd }> {
  const [row] = await db.query<sql.PositionRow>(sql.position(organizationId));
  // As text: a sum of many near-full grants is beyond 64 bits, and that is what is asked here.
  return { credit: BigInt(row?.credit_nanos ?? 0), debt: nanos(row?.debt_nanos ?? 0n) };
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
