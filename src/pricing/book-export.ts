import { Document, isScalar, isSeq, visit } from 'yaml';
import { formatUsd, NANOS_PER_USD, nanos } from '#kernel/money';
import type { PriceBook } from './book.ts';
import { COLUMNS, type Column } from './book-csv.ts';
import { type BookData, bookData, type RatesData, type RowData } from './book-data.ts';

type SurchargeData = RowData['batch'];

/** The book as a file a person can edit; importing it gives an equal book. */
export function exportYaml(book: PriceBook): string {
  const { version, fees, models } = bookData(book);
  const document = new Document({
    version,
    unit: 'usd',
    fees: feesInUsd(fees),
    models: models.map(readableRow),
  });
  document.commentBefore = ' Prices in USD per million units, or per hour. Times are UTC.';
  visit(document, {
    Seq(_key, node) {
      // Names stand in one line; only lists of mappings are worth a line per entry.
      if (isSeq(node) && node.items.every((item) => isScalar(item))) node.flow = true;
    },
  });
  // The schema that knows numbers, so that every amount is quoted and no reader makes it a float.
  return document.toString({ lineWidth: 0 });
}

/** The book as a table, one line per band; importing it gives an equal book. */
export function exportCsv(book: PriceBook): string {
  const { version, fees, models } = bookData(book);
  const settings = Object.entries({ version, unit: 'usd' });
  for (const [name, value] of Object.entries(feesInUsd(fees))) {
    settings.push([`fees.${name}`, Array.isArray(value) ? value.join(' ') : String(value)]);
  }
  const lines = [
    ...settings,
    [],
    COLUMNS,
    ...models.flatMap(tableLines).map((line) => COLUMNS.map((column) => line.get(column) ?? '')),
  ];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\n`).join('');
}

const usd = (amount: string): string => formatUsd(nanos(BigInt(amount)));

function feesInUsd(fees: BookData['fees']) {
  return {
    ...fees,
    web_search: usd(fees.web_search),
    code_execution_hour: usd(fees.code_execution_hour),
    session_hour: usd(fees.session_hour),
  };
}

function readableRow(row: RowData): Record<string, unknown> {
  const { bands, explicit, upstream, aliases, free, ...rest } = row;
  return {
    ...rest,
    ...(aliases.length === 0 ? {} : { aliases }),
    released_at: shortTime(row.released_at),
    from: shortTime(row.from),
    until: row.until === null ? null : shortTime(row.until),
    fast: readableSurcharge(row.fast),
    region: readableSurcharge(row.region),
    batch: readableSurcharge(row.batch),
    ...readableRates({ bands, ...(free === undefined ? {} : { free }) }),
    ...(explicit.length === 0 ? {} : { explicit: explicit.map(readableExplicit) }),
    ...(upstream === null ? {} : { upstream: readableRates(upstream) }),
  };
}

function readableExplicit({ speed, region, tier, ...rates }: RowData['explicit'][number]) {
  return {
    ...(speed === null ? {} : { speed }),
    ...(region === null ? {} : { region }),
    ...(tier === null ? {} : { tier }),
    ...readableRates(rates),
  };
}

/** One band stands for itself; several are a list. */
function readableRates({ bands, free }: RatesData): Record<string, unknown> {
  const flag = free === undefined ? {} : { free };
  const [first, ...more] = bands.map(bandInUsd);
  if (first === undefined || more.length > 0) return { ...flag, bands: bands.map(bandInUsd) };
  const { prompt_tokens_above: _zero, ...rates } = first;
  return { ...flag, ...rates };
}

function bandInUsd(band: RatesData['bands'][number]) {
  return {
    prompt_tokens_above: band.prompt_tokens_above,
    input: usd(band.input),
    cache_write_5m: usd(band.cache_write_5m),
    cache_write_1h: usd(band.cache_write_1h),
    cache_read: usd(band.cache_read),
    output: usd(band.output),
  };
}

const TOKENS = 'input cache_write_5m cache_write_1h cache_read output';

function readableSurcharge(surcharge: SurchargeData): unknown {
  if (surcharge === null) return null;
  const factor = readableFactor(surcharge.factor);
  return surcharge.applies_to.join(' ') === TOKENS ? factor : { ...surcharge, factor };
}

/** As a decimal where that is exact: a spreadsheet takes 1/2 for a day in February. */
function readableFactor(ratio: string): string {
  const [numerator = 0n, denominator = 1n] = ratio.split('/').map(BigInt);
  const billionths = numerator * NANOS_PER_USD;
  return billionths % denominator === 0n ? usd((billionths / denominator).toString()) : ratio;
}

/** A midnight is written as its day. */
const shortTime = (time: string): string =>
  time.endsWith('T00:00:00.000Z') ? time.slice(0, 10) : time.replace('.000Z', 'Z');

type TableLine = Map<Column, string>;

function tableLines(row: RowData): TableLine[] {
  const said: TableLine = new Map();
  said.set('until', row.until === null ? '' : shortTime(row.until));
  said.set('display_name', row.display_name);
  said.set('aliases', row.aliases.join(' '));
  said.set('provider', row.provider);
  said.set('released_at', shortTime(row.released_at));
  said.set('context_window', String(row.context_window));
  said.set('output_tokens_max', String(row.output_tokens_max));
  for (const name of ['fast', 'region', 'batch'] as const) {
    const factor = row[name]?.factor;
    said.set(name, factor === undefined ? 'none' : readableFactor(factor));
    const appliesTo = row[name]?.applies_to.join(' ') ?? TOKENS;
    said.set(`${name}_applies_to`, appliesTo === TOKENS ? '' : appliesTo);
  }
  const lines = [
    ...cardLines('', row),
    ...row.explicit.flatMap((rates) => cardLines(servedAs(rates), rates)),
    ...(row.upstream === null ? [] : cardLines('upstream', row.upstream)),
  ];
  for (const [index, line] of lines.entries()) {
    line.set('model', row.model).set('from', shortTime(row.from));
    if (index === 0) for (const [column, text] of said) line.set(column, text);
  }
  return lines;
}

function servedAs({ speed, region, tier }: RowData['explicit'][number]): string {
  return [speed, region, tier].filter((setting) => setting !== null).join('+');
}

function cardLines(rates: string, { bands, free }: RatesData): TableLine[] {
  return bands.map((band) => {
    const line: TableLine = new Map([['rates', rates]]);
    const { prompt_tokens_above: above, ...amounts } = bandInUsd(band);
    line.set('prompt_tokens_above', String(above));
    for (const column of COLUMNS) {
      const amount = Object.entries(amounts).find(([name]) => name === column)?.[1];
      if (amount !== undefined) line.set(column, amount);
    }
    if (free !== undefined) line.set('free', Array.isArray(free) ? free.join(' ') : 'true');
    return line;
  });
}

const quoted = (cell: string): string =>
  /[",\n\r]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
