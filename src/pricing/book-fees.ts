import type { Fees } from './book.ts';
import { Fields, isNothing, type Unit } from './book-fields.ts';

/** What the first-party API charges: in force where a book does not say otherwise. */
const PUBLISHED: Fees = {
  webSearch: 10_000_000_000_000n, // 10 USD per 1,000 searches
  codeExecutionHour: 50_000_000n,
  codeExecutionFreeHours: 1_550,
  codeExecutionMinimumSeconds: 300,
  sessionHour: 80_000_000n,
};

const AMOUNTS = ['web_search', 'code_execution_hour', 'session_hour'] as const;
type AmountName = (typeof AMOUNTS)[number];

const HOURS_MAX = 1_000_000;
const SECONDS_MAX = 86_400;

/** Reads `fees`; a fee left out is the published one. A fee of 0 is named in `fees.free`. */
export function readFees(book: Fields, unit: Unit, doubtUnit: boolean): Fees | undefined {
  const value = book.has('fees') ? book.raw('fees') : {};
  const fields = Fields.of(isNothing(value) ? {} : value, book.at('fees'), book.report);
  if (fields === undefined) return undefined;
  // The first format had this one fee, at the top of the book.
  const source = book.has('web_search') ? book : fields;
  if (source === book && fields.has('web_search')) {
    book.problem('web_search', 'stands in fees too; leave one of them out');
  }
  const free = readFree(fields);
  const amount = (from: Fields, name: AmountName, published: bigint): bigint | undefined => {
    if (!from.has(name)) return free.has(name) ? 0n : published;
    const read = from.amount(name, unit, doubtUnit);
    if (read === 0n && !free.has(name)) {
      return from.problem(name, `is 0; write free: [${name}] in fees if that is meant`);
    }
    if (read !== undefined && read > 0n && free.has(name)) {
      return fields.problem('free', `says ${name} costs nothing, and it has a price`);
    }
    return read;
  };
  const webSearch = amount(source, 'web_search', PUBLISHED.webSearch);
  const codeExecutionHour = amount(fields, 'code_execution_hour', PUBLISHED.codeExecutionHour);
  const sessionHour = amount(fields, 'session_hour', PUBLISHED.sessionHour);
  const codeExecutionFreeHours = fields.count('code_execution_free_hours', {
    min: 0,
    max: HOURS_MAX,
    fallback: PUBLISHED.codeExecutionFreeHours,
  });
  const codeExecutionMinimumSeconds = fields.count('code_execution_minimum_seconds', {
    min: 0,
    max: SECONDS_MAX,
    fallback: PUBLISHED.codeExecutionMinimumSeconds,
  });
  fields.close();
  if (webSearch === undefined || codeExecutionHour === undefined) return undefined;
  if (sessionHour === undefined || codeExecutionFreeHours === undefined) return undefined;
  if (codeExecutionMinimumSeconds === undefined) return undefined;
  return {
    webSearch,
    codeExecutionHour,
    codeExecutionFreeHours,
    codeExecutionMinimumSeconds,
    sessionHour,
  };
}

function readFree(fields: Fields): ReadonlySet<AmountName> {
  if (!fields.has('free') || isNothing(fields.raw('free'))) return new Set();
  const value = fields.raw('free');
  const names = Array.isArray(value) ? AMOUNTS.filter((name) => value.includes(name)) : [];
  if (!Array.isArray(value) || names.length !== value.length || names.length === 0) {
    fields.problem('free', `a list out of ${AMOUNTS.join(', ')} is expected`);
  }
  return new Set(names);
}

/** The value of `fees.free` that these fees need. */
export function freeFees(fees: Fees): AmountName[] {
  const amounts: Record<AmountName, bigint> = {
    web_search: fees.webSearch,
    code_execution_hour: fees.codeExecutionHour,
    session_hour: fees.sessionHour,
  };
  return AMOUNTS.filter((name) => amounts[name] === 0n);
}
