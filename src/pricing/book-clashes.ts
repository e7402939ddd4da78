import type { ModelPrice } from './book.ts';
import type { Path, Problem } from './book-problem.ts';

/** A row and where it stands. */
export interface PlacedRow {
  readonly row: ModelPrice;
  readonly path: Path;
}

/**
 * Two prices for one name at one time: spans of a model that overlap, or a name that means two
 * models. Spans are sorted per name, so that a book of thousands of rows is compared once through.
 */
export function reportClashes(rows: readonly PlacedRow[], problems: Problem[]): void {
  const reported = new Set<PlacedRow>();
  for (const [name, spans] of spansByName(rows)) {
    spans.sort((one, other) => one.row.from.getTime() - other.row.from.getTime());
    let longest: PlacedRow | undefined;
    for (const span of spans) {
      if (longest !== undefined && meets(longest.row, span.row) && !reported.has(span)) {
        // Once per row: the same two rows meet under every name they have in common.
        reported.add(span);
        problems.push(clash(name, longest, span));
      }
      if (longest === undefined || endsLater(span.row, longest.row)) longest = span;
    }
  }
}

function spansByName(rows: readonly PlacedRow[]): Map<string, PlacedRow[]> {
  const byName = new Map<string, PlacedRow[]>();
  for (const placed of rows) {
    for (const name of [placed.row.model, ...placed.row.aliases]) {
      const spans = byName.get(name);
      if (spans === undefined) byName.set(name, [placed]);
      else spans.push(placed);
    }
  }
  return byName;
}

const meets = (earlier: ModelPrice, later: ModelPrice): boolean =>
  earlier.until === null || later.from < earlier.until;

const endsLater = (one: ModelPrice, other: ModelPrice): boolean =>
  other.until !== null && (one.until === null || one.until > other.until);

function clash(name: string, earlier: PlacedRow, later: PlacedRow): Problem {
  const [one, other] = [earlier.row, later.row];
  const from = other.from.toISOString();
  if (one.model === other.model) {
    const end = one.until === null ? 'no end' : `its end at ${one.until.toISOString()}`;
    const message = `the span from ${from} overlaps an earlier one, which has ${end}`;
    return problem(earlier, later, 'from', `${message}; set its until to ${from}`);
  }
  const names = `the name ${name} means ${one.model} and ${other.model}`;
  const field = other.model === name ? 'model' : 'aliases';
  return problem(earlier, later, field, `${names} at the same time, from ${from}`);
}

const problem = (
  earlier: PlacedRow,
  later: PlacedRow,
  field: string,
  message: string,
): Problem => ({
  path: [...later.path, field],
  subject: later.row.model,
  message,
  other: earlier.path,
});
