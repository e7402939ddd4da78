import {
  type ExplicitRates,
  type Factor,
  type ModelPrice,
  type PriceBands,
  type PriceBook,
  priceBook,
  type Surcharge,
  TOKEN_KINDS,
} from './book.ts';
import { reportClashes } from './book-clashes.ts';
import { freeFees, readFees } from './book-fees.ts';
import { Fields, type Unit } from './book-fields.ts';
import { bounded, describeProblems, type Path, type Problem, type Report } from './book-problem.ts';
import { freeOf } from './book-rates.ts';
import {
  type RowDefaults,
  readMarkup,
  readMultipliers,
  readRow,
  readSurcharge,
} from './book-row.ts';

export type LoadedBook =
  | { readonly outcome: 'loaded'; readonly book: PriceBook }
  | { readonly outcome: 'invalid'; readonly problems: string[] };

export type ReadBook =
  | { readonly outcome: 'loaded'; readonly book: PriceBook }
  | { readonly outcome: 'invalid'; readonly problems: readonly Problem[] };

/** Overlaps are looked for per name, so this bounds memory, not time. */
const ROWS_MAX = 20_000;

/** Reads a price book from data. Every problem of every row is reported at once, with its place. */
export function loadPriceBook(data: unknown): LoadedBook {
  const read = readPriceBook(data);
  if (read.outcome === 'loaded') return read;
  return { outcome: 'invalid', problems: bounded(describeProblems(read.problems)) };
}

/** As `loadPriceBook`, with problems whose places a file can translate to lines. */
export function readPriceBook(data: unknown): ReadBook {
  const problems: Problem[] = [];
  const report = (path: Path, message: string, other?: Path): void => {
    problems.push({ path, subject: null, message, other: other ?? null });
  };
  const fields = Fields.of(data, [], report);
  if (fields === undefined) return { outcome: 'invalid', problems };
  const version = fields.title('version', undefined);
  if (!fields.has('version')) fields.problem('version', 'is missing; every book has its own');
  const defaults = readDefaults(fields);
  const fees = readFees(fields, defaults.unit, defaults.doubtUnit);
  const key = fields.has('rows') ? 'rows' : 'models';
  const list = fields.list(key);
  if (list !== undefined && list.length > ROWS_MAX) {
    fields.problem(key, `${list.length} rows are more than the ${ROWS_MAX} a book may have`);
    return { outcome: 'invalid', problems };
  }
  const rows: { readonly row: ModelPrice; readonly path: Path }[] = [];
  for (const [index, item] of list?.entries() ?? []) {
    const path = [key, index];
    const subject = subjectOf(item);
    const row = readRowAt(item, path, defaults, (at, message, other) => {
      problems.push({ path: at, subject, message, other: other ?? null });
    });
    if (row !== undefined) rows.push({ row, path });
  }
  reportClashes(rows, problems);
  fields.close();
  if (problems.length > 0 || version === undefined || fees === undefined) {
    return { outcome: 'invalid', problems };
  }
  return {
    outcome: 'loaded',
    book: priceBook(
      version,
      fees,
      rows.map(({ row }) => row),
    ),
  };
}

const CACHE_MULTIPLIERS = {
  cache_write_5m: { numerator: 5n, denominator: 4n },
  cache_write_1h: { numerator: 2n, denominator: 1n },
  cache_read: { numerator: 1n, denominator: 10n },
};

function readDefaults(fields: Fields): RowDefaults {
  const stated = fields.has('unit');
  if (stated && fields.raw('unit') !== 'usd' && fields.raw('unit') !== 'nano_usd') {
    fields.problem('unit', 'usd (decimal dollars) or nano_usd (whole billionths) is expected');
  }
  const unit: Unit = !stated || fields.raw('unit') === 'nano_usd' ? 'nano_usd' : 'usd';
  return {
    unit,
    doubtUnit: !stated,
    provider: fields.name('provider', 'anthropic') ?? '',
    multipliers: readMultipliers(fields, CACHE_MULTIPLIERS),
    markup: fields.has('markup') ? (readMarkup(fields) ?? null) : null,
    region: readSurcharge(fields, 'region', 'dearer', null) ?? null,
    batch: readSurcharge(fields, 'batch', 'cheaper', null) ?? null,
    usInference: readUsInference(fields),
  };
}

function readUsInference(fields: Fields): Factor | null {
  if (!fields.has('us_inference')) return null;
  const factor = fields.factor('us_inference');
  if (factor === undefined || factor.numerator >= factor.denominator) return factor ?? null;
  return fields.problem('us_inference', 'must not be a discount') ?? null;
}

function readRowAt(
  item: unknown,
  path: Path,
  defaults: RowDefaults,
  report: Report,
): ModelPrice | undefined {
  const fields = Fields.of(item, path, report);
  return fields && readRow(fields, defaults);
}

/** The model a row is about, if that much can be read. */
function subjectOf(item: unknown): string | null {
  const row: Readonly<Record<string, unknown>> =
    typeof item === 'object' && item !== null ? { ...item } : {};
  return typeof row.model === 'string' && row.model !== '' ? row.model.slice(0, 80) : null;
}

/**
 * The one data form of a book: JSON-safe, complete, and the same for equal books, byte by byte. It
 * loads to an equal book; what is stored and digested is this.
 */
export function bookData(book: PriceBook) {
  const { fees } = book;
  const free = freeFees(fees);
  return {
    version: book.version,
    unit: 'nano_usd',
    fees: {
      web_search: fees.webSearch.toString(),
      code_execution_hour: fees.codeExecutionHour.toString(),
      code_execution_free_hours: fees.codeExecutionFreeHours,
      code_execution_minimum_seconds: fees.codeExecutionMinimumSeconds,
      session_hour: fees.sessionHour.toString(),
      ...(free.length === 0 ? {} : { free }),
    },
    models: book.rows.map(rowData),
  };
}

export type BookData = ReturnType<typeof bookData>;
export type RowData = BookData['models'][number];
export type RatesData = ReturnType<typeof ratesData>;

function rowData(row: ModelPrice) {
  return {
    model: row.model,
    aliases: [...row.aliases],
    display_name: row.displayName,
    provider: row.provider,
    released_at: row.releasedAt.toISOString(),
    context_window: row.contextWindow,
    output_tokens_max: row.outputTokensMax,
    from: row.from.toISOString(),
    until: row.until?.toISOString() ?? null,
    fast: surchargeData(row.fast),
    region: surchargeData(row.region),
    batch: surchargeData(row.batch),
    ...ratesData(row.bands),
    explicit: row.explicit.map(explicitData),
    upstream: row.upstream === null ? null : ratesData(row.upstream),
  };
}

function surchargeData(surcharge: Surcharge | null) {
  if (surcharge === null) return null;
  const { numerator, denominator, appliesTo } = surcharge;
  return {
    factor: `${numerator}/${denominator}`,
    applies_to: TOKEN_KINDS.filter((kind) => appliesTo.has(kind)),
  };
}

function explicitData({ speed, region, tier, bands }: ExplicitRates) {
  return { speed, region, tier, ...ratesData(bands) };
}

function ratesData(bands: PriceBands) {
  const free = freeOf(bands);
  return {
    ...(free === null ? {} : { free }),
    bands: bands.map(({ promptTokensAbove, rates }) => ({
      prompt_tokens_above: promptTokensAbove,
      input: rates.input.toString(),
      cache_write_5m: rates.cacheWrite5m.toString(),
      cache_write_1h: rates.cacheWrite1h.toString(),
      cache_read: rates.cacheRead.toString(),
      output: rates.output.toString(),
    })),
  };
}
