import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import type { Reason } from '#ledger/flows';
import * as sql from '#ledger/sql';

/** One line of a customer's statement: a move into (+) or out of (-) one of its grants. */
export interface StatementLine {
  /** Position in the organization's ledger: stable, gap-free, a cursor for paging. */
  readonly seq: string;
  readonly at: Date;
  readonly kind: Reason;
  readonly amount: NanoUsd;
  readonly grantId: string;
  readonly grantBalance: NanoUsd;
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
  page: { readonly limit: number; readonly before?: string },
): Promise<StatementPage> {
  const rows = await db.query<sql.StatementRow>(
    sql.statementLines(organizationId, page.limit + 1, page.before),
  );
  const lines = rows.slice(0, page.limit).map((row) => ({
    seq: `${row.transaction_no}.${row.line}`,
    at: row.happened_at,
    kind: row.reason,
    amount: nanos(row.delta_nanos),
    grantId: row.grant_id,
    grantBalance: nanos(row.balance_nanos),
    reference: row.reference,
  }));
  return { lines, hasMore: rows.length > page.limit };
}

/** A cursor as it may come from outside. */
export const statementCursorOk = (text: string): boolean => /^\d{1,18}\.\d{1,4}$/.test(text);
