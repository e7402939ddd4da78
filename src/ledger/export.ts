import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { formatUsd, nanos } from '#kernel/money';
import { type StatementLine, statementLine } from '#ledger/statement';
import * as sql from '#ledger/statement-sql';

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportRequest extends Pick<sql.StatementRange, 'from' | 'to' | 'by'> {
  readonly organizationId: OrganizationId;
  readonly format: ExportFormat;
}

/** Numbers have no gaps, so that a page of so many is found without counting lines. */
const TRANSACTIONS_PER_PAGE = 1_000n;

/**
 * The statement as text, oldest line first, a page at a time: memory does not grow with it. It ends
 * where the ledger ended when it began. The amounts of a whole export add up to what all grants
 * have left; `balance_usd` is that sum so far, also where `from` leaves out earlier lines.
 */
export async function* exportStatement(db: Db, request: ExportRequest): AsyncGenerator<string> {
  const { organizationId } = request;
  const write = request.format === 'csv' ? csvLine : jsonLine;
  if (request.format === 'csv') yield csvRow(Object.keys(COLUMNS));
  const [start] = await db.query<sql.ExportStart>(sql.exportStart(organizationId, request.from));
  if (start === undefined) return;
  let total = BigInt(start.total_nanos);
  for (let after = start.after; after < start.last; after += TRANSACTIONS_PER_PAGE) {
    const page = after + TRANSACTIONS_PER_PAGE;
    const upto = page < start.last ? page : start.last;
    const rows = await db.query<sql.MoveRow>(sql.movesBetween(organizationId, after, upto));
    let text = '';
    for (const row of rows) {
      total += row.delta_nanos;
      const line = statementLine(row, nanos(total));
      if (within(line, request)) text += write(line);
    }
    if (text !== '') yield text;
  }
}

function within(line: StatementLine, { from, to, by }: ExportRequest): boolean {
  const at = by === 'recorded' ? line.recordedAt : line.at;
  return (from === undefined || at >= from) && (to === undefined || at < to);
}

/** The names are those of the statement on the wire. Amounts are decimal strings, never floats. */
const COLUMNS: Readonly<Record<string, (line: StatementLine) => string>> = {
  id: (line) => line.seq,
  at: (line) => line.at.toISOString(),
  recorded_at: (line) => line.recordedAt.toISOString(),
  kind: (line) => line.kind,
  amount_usd: (line) => formatUsd(line.amount),
  balance_usd: (line) => formatUsd(line.total),
  grant_id: (line) => line.grantId,
  grant_balance_usd: (line) => (line.grantBalance === null ? '' : formatUsd(line.grantBalance)),
  reference: (line) => line.reference,
  lost_usd: (line) => formatUsd(line.lost),
};

/** Cells that other people can have written. A number must stay one, minus sign and all. */
const WRITTEN_BY_OTHERS = new Set(['kind', 'grant_id', 'reference']);

function jsonLine(line: StatementLine): string {
  const cells = Object.entries(COLUMNS).map(([name, cell]) => [name, cell(line)]);
  return `${JSON.stringify(Object.fromEntries(cells))}\n`;
}

function csvLine(line: StatementLine): string {
  return csvRow(
    Object.entries(COLUMNS).map(([name, cell]) =>
      WRITTEN_BY_OTHERS.has(name) ? withoutFormula(cell(line)) : cell(line),
    ),
  );
}

/** RFC 4180: quoted where needed, quotes doubled, lines end with CR LF. */
const csvRow = (cells: readonly string[]): string => `${cells.map(csvCell).join(',')}\r\n`;

const csvCell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text (T19). */
const withoutFormula = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
