import { formatUsd, nanos } from '#kernel/money';
import type { ModelPrice, PriceBook } from './book.ts';
import { bookData } from './book-data.ts';

/**
 * What an import does to a row. `scheduled`: it takes effect later. `cancelled`: it would have, and
 * is gone. `backdated`: it changes what a past time cost; requests admitted before the import keep
 * the version they were admitted under, so only the record of the past differs.
 */
export type ChangeKind = 'added' | 'removed' | 'changed' | 'scheduled' | 'cancelled' | 'backdated';

export interface FieldChange {
  /** As in a file: `until`, `bands[0].input`, `region.factor`. */
  readonly field: string;
  /** Null: not there. Amounts are decimal USD, per million units or per hour. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface BookChange {
  readonly kind: ChangeKind;
  /** Null: a fee, which is of no one model. */
  readonly model: string | null;
  /** Of the row. Null for fees, which have no dates. */
  readonly from: Date | null;
  readonly until: Date | null;
  /**
   * Of a row that came: what differs from the span before it. Empty for a model that is new, and for
   * a row that went.
   */
  readonly fields: readonly FieldChange[];
  /** The change in a sentence that does not repeat its kind. */
  readonly text: string;
}

/** A change of these moves money; of the others, only names and limits. */
const PRICED = /^(bands|fast|region|batch|explicit|free|upstream)/;

const AMOUNT = /(^|\.)(input|output|cache_\w+|web_search|code_execution_hour|session_hour)$/;

/**
 * What replacing one book by another changes, as of `now`: fees, rows in the order of the new book,
 * then rows that only the old one has. Rows are told apart by model and `from`.
 */
export function diffBooks(before: PriceBook, after: PriceBook, now: Date): BookChange[] {
  const [old, next] = [bookData(before), bookData(after)];
  const oldRows = new Map(
    before.rows.map((row, index) => [keyOf(row), { row, data: old.models[index] }]),
  );
  const oldSpans = Map.groupBy(before.rows, (row) => row.model);
  const nextData = new Map(after.rows.map((row, index) => [row, next.models[index]]));
  const nextSpans = Map.groupBy(after.rows, (row) => row.model);
  const changes = feeChanges(changedFields(old.fees, next.fees));
  for (const [index, row] of after.rows.entries()) {
    const was = oldRows.get(keyOf(row));
    oldRows.delete(keyOf(row));
    if (was === undefined) {
      const before = spanBefore(row, nextSpans.get(row.model) ?? []);
      const fields = before === undefined ? [] : newTerms(nextData.get(before), nextData.get(row));
      const kind = arrival(row, oldSpans.get(row.model) ?? [], now);
      changes.push(rowChange(kind, row, fields));
      continue;
    }
    const fields = changedFields(was.data, next.models[index]);
    if (fields.length === 0) continue;
    const kind = reachesBack(was.row, row, fields, now) ? 'backdated' : 'changed';
    changes.push(rowChange(kind, row, fields));
  }
  for (const { row } of oldRows.values()) {
    changes.push(rowChange(row.from > now ? 'cancelled' : 'removed', row, []));
  }
  return changes;
}

function feeChanges(fields: readonly FieldChange[]): BookChange[] {
  return fields.map((fee) => ({
    kind: 'changed',
    model: null,
    from: null,
    until: null,
    fields: [fee],
    text: `fee ${fieldText(fee)}`,
  }));
}

function rowChange(kind: ChangeKind, row: ModelPrice, fields: readonly FieldChange[]): BookChange {
  const { model, from, until } = row;
  const end = until?.toISOString() ?? 'further notice';
  const span = `${model} from ${from.toISOString()} until ${end}`;
  const details = fields.length === 0 ? '' : `: ${fields.map(fieldText).join(', ')}`;
  const note = kind === 'backdated' ? '; what was admitted before keeps its price' : '';
  return { kind, model, from, until, fields, text: `${span}${details}${note}` };
}

const fieldText = ({ field, before, after }: FieldChange): string =>
  `${field} ${before ?? 'none'} → ${after ?? 'none'}`;

const keyOf = (row: ModelPrice): string => `${row.model} ${row.from.getTime()}`;

function arrival(row: ModelPrice, before: readonly ModelPrice[], now: Date): ChangeKind {
  if (row.from > now) return 'scheduled';
  const end = row.until === null || row.until > now ? now : row.until;
  // A model new to the book has no past to change, whenever it was released.
  const hadPrice = before.some((span) => span.from < end && (span.until ?? end) > row.from);
  return hadPrice ? 'backdated' : 'added';
}

/** What a customer was sold until this row begins; undefined for the first row of a model. */
function spanBefore(row: ModelPrice, spans: readonly ModelPrice[]): ModelPrice | undefined {
  let found: ModelPrice | undefined;
  for (const span of spans) {
    if (span.from < row.from && (found === undefined || span.from > found.from)) found = span;
  }
  return found;
}

const newTerms = (before: object | undefined, after: object | undefined): FieldChange[] =>
  changedFields(before, after).filter(({ field }) => field !== 'from' && field !== 'until');

function reachesBack(
  before: ModelPrice,
  after: ModelPrice,
  fields: readonly FieldChange[],
  now: Date,
): boolean {
  if (after.from > now) return false;
  if (fields.some(({ field }) => PRICED.test(field))) return true;
  if (before.until?.getTime() === after.until?.getTime()) return false;
  return [before.until, after.until].some((until) => until !== null && until < now);
}

/** Compares the data form, so that what a file does not show is no difference. */
function changedFields(before: object | undefined, after: object | undefined): FieldChange[] {
  const [old, next] = [new Map(leaves(before, '')), new Map(leaves(after, ''))];
  const names = new Set([...old.keys(), ...next.keys()]);
  return [...names].flatMap((field) => {
    const [was, is] = [old.get(field) ?? null, next.get(field) ?? null];
    return was === is ? [] : [{ field, before: was, after: is }];
  });
}

function leaves(value: unknown, path: string): [string, string][] {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object') {
    const text = String(value);
    return [[path, AMOUNT.test(path) ? formatUsd(nanos(BigInt(text))) : text]];
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value.length === 0 ? [] : [[path, value.join(' ')]];
  }
  return Object.entries(value).flatMap(([name, item]) => {
    if (Array.isArray(value)) return leaves(item, `${path}[${name}]`);
    return leaves(item, path === '' ? name : `${path}.${name}`);
  });
}
