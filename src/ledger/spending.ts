import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#ledger/spending-sql';

/** Of how much time the charges are added up. */
export const SLICE_MS = 300_000;
/** How far back sums are kept, at least. */
export const SPENDING_DAYS = 30;

/** What requests were charged in five minutes, by when that took effect. */
export interface Slice {
  readonly at: Date;
  /** Above zero: five minutes without a charge have no slice. */
  readonly spent: NanoUsd;
}

/** The beginning of the slice an instant is in. */
export const sliceOf = (at: Date): Date => new Date(at.getTime() - (at.getTime() % SLICE_MS));

/** Charges from `since` on, oldest first, exact to the last settlement. `since` begins a slice. */
export async function readSpending(
  db: Db,
  organizationId: OrganizationId,
  since: Date,
): Promise<Slice[]> {
  const rows = await db.query<sql.SliceRow>(sql.spendingSince(organizationId, since));
  return rows.map(({ at, spent }) => ({ at, spent: nanos(BigInt(spent)) }));
}

/** Credit that can be used now, and until when each part of it. */
export interface UsableCredit {
  readonly now: Date;
  readonly debt: NanoUsd;
  /** When there was credit for the first time; null if never. */
  readonly since: Date | null;
  /** In burn-down order: what ends soonest is used first. */
  readonly grants: readonly { readonly remaining: NanoUsd; readonly until: Date }[];
}

export async function readUsableCredit(
  db: Db,
  organizationId: OrganizationId,
): Promise<UsableCredit> {
  const rows = await db.query<sql.CreditRow>(sql.usableCredit(organizationId));
  const [first] = rows;
  if (first === undefined) throw new Error('a question without a grant has one row');
  const grants = rows.flatMap(({ remaining, usableUntil }) =>
    remaining === null || usableUntil === null
      ? []
      : [{ remaining: nanos(remaining), until: usableUntil }],
  );
  return { now: first.now, debt: nanos(first.debt), since: first.since, grants };
}

/** Below this, reading the entries themselves costs less than keeping sums. */
const WORTH_ADDING = 1_000;
const ORGANIZATIONS_AT_ONCE = 50;
/** Some tenths of a second of one statement. */
const TRANSACTIONS_AT_ONCE = 20_000;

/** Meant for every minute, in every worker: adds up what busy organizations spent since. */
export async function addUpSpending(db: Db): Promise<void> {
  const behind = await db.query<{ organizationId: OrganizationId }>(
    sql.behindInSums(WORTH_ADDING, ORGANIZATIONS_AT_ONCE),
  );
  for (const { organizationId } of behind) await addUpSpendingOf(db, organizationId);
}

/** All that one organization has spent. Twice, or twice at once, is the same as once. */
export async function addUpSpendingOf(
  db: Db,
  organizationId: OrganizationId,
  atOnce = TRANSACTIONS_AT_ONCE,
): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ more: boolean }>(sql.addUp(organizationId, atOnce));
    if (row?.more !== true) return;
  }
}
