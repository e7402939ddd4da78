import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import type { Reason } from '#ledger/flows';
import * as sql from '#ledger/statement-sql';

/**
 * One line of a customer's statement: a move into (+) or out of (-) one of its grants, or what was
 * lost because a payment was taken back, which moves none (`amount` 0).
 */
export interface StatementLine {
  /** Position in the organization's ledger: stable, gap-free, a cursor for paging. */
  readonly seq: string;
  readonly at: Date;
  readonly recordedAt: Date;
  readonly kind: Reason;
  readonly amount: NanoUsd;
  readonly grantId: string;
  /** Null where the grant did not move. */
  readonly grantBalance: NanoUsd | null;
  /** What was taken back, or is owed; zero where a grant moves. */
  readonly lost: NanoUsd;
  /** Of all grants together after this line, in the order of the ledger. */
  readonly total: NanoUsd;
  readonly reference: string;
}

export interface StatementPage {
  readonly lines: readonly StatementLine[];
  readonly hasMore: boolean;
}

/** Newest first. `before` is the `seq` of the last line seen. */
export async function readStatement(
  db: Db,
  organizationId: OrganizationId,
  page: { readonly limit: number; readonly before?: string } & sql.StatementRange,
): Promise<StatementPage> {
  const { limit, before, ...range } = page;
  const rows = await db.query<sql.StatementRow>(
    sql.statementLines(organizationId, limit + 1, before, range),
  );
  return { lines: rows.slice(0, limit).map(lineWithTotal), hasMore: rows.length > limit };
}

/**
 * The page right above a line, newest first. `after` is the `seq` of the first line seen; `hasMore`
 * says whether there are newer ones than the page has.
 */
export async function readNewerStatement(
  db: Db,
  organizationId: OrganizationId,
  { limit, after }: { readonly limit: number; readonly after: string },
): Promise<StatementPage> {
  const statement = sql.linesAfter(organizationId, after, limit + 1);
  const rows = await db.query<Pick<sql.MoveRow, 'transaction_no' | 'line'>>(statement);
  const newest = rows.slice(0, limit).at(-1);
  if (newest === undefined) return { lines: [], hasMore: false };
  const above = `${newest.transaction_no}.${newest.line + 1}`;
  const count = Math.min(limit, rows.length);
  const { lines } = await readStatement(db, organizationId, { limit: count, before: above });
  return { lines, hasMore: rows.length > limit };
}

const lineWithTotal = (row: sql.StatementRow): StatementLine =>
  statementLine(row, nanos(BigInt(row.total_nanos)));

export const statementLine = (row: sql.MoveRow, total: NanoUsd): StatementLine => ({
  seq: `${row.transaction_no}.${row.line}`,
  at: row.happened_at,
  recordedAt: row.recorded_at,
  kind: row.reason,
  amount: nanos(row.delta_nanos),
  grantId: row.grant_id,
  grantBalance: row.balance_nanos === null ? null : nanos(row.balance_nanos),
  lost: nanos(row.lost_nanos),
  total,
  reference: row.reference,
});

/** A cursor as it may come from outside. */
export const statementCursorOk = (text: string): boolean => /^\d{1,18}\.\d{1,4}$/.test(text);
