import type { FileData } from './book-file.ts';
import { nearestName, type Path } from './book-problem.ts';
import { type CsvRecord, readRecords } from './csv-records.ts';

/** Said of a row as a whole, on any one of its lines. */
const ROW_COLUMNS = [
  'until',
  'display_name',
  'provider',
  'aliases',
  'released_at',
  'context_window',
  'output_tokens_max',
  'fast',
  'fast_applies_to',
  'region',
  'region_applies_to',
  'batch',
  'batch_applies_to',
  'markup',
] as const;
/** Said of one band of rates. */
const BAND_COLUMNS = [
  'prompt_tokens_above',
  'prompt_tokens_up_to',
  'input',
  'cache_write_5m',
  'cache_write_1h',
  'cache_read',
  'output',
] as const;
export const COLUMNS = ['model', 'from', 'rates', ...BAND_COLUMNS, 'free', ...ROW_COLUMNS] as const;
export type Column = (typeof COLUMNS)[number];

/** Columns and settings that hold several words. */
const isList = (name: string): boolean => /(^|[._])(aliases|applies_to|free)$/.test(name);

/** What `rates` may say, beside nothing and `base`: whose rates the line has. */
const SERVED: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['fast', ['speed', 'fast']],
  ['us', ['region', 'us']],
  ['batch', ['tier', 'batch']],
]);

interface Cell {
  readonly text: string;
  readonly line: number;
}

/** All lines of one model from one time on. */
interface Group {
  readonly line: number;
  readonly model: string;
  readonly from: string;
  readonly said: Map<Column, Cell>;
  /** By what `rates` says. */
  readonly cards: Map<string, Card>;
}

interface Card {
  readonly line: number;
  free: string;
  readonly bands: { readonly line: number; readonly cells: ReadonlyMap<Column, string> }[];
}

/**
 * A price book as a table. Lines of a name and a value are settings of the book, as far as the line
 * of column names, which has `model` in it; below it every line is one band of rates. Lines with
 * the same model and `from` are one row, in whatever order a spreadsheet left them.
 */
export function parseCsv(text: string): FileData {
  const read = readRecords(text);
  const sheet = new Sheet(read.problems);
  const head = read.records.findIndex((record) =>
    ['model', 'from'].every((name) => record.cells.includes(name)),
  );
  if (head === -1) {
    sheet.problem(1, 'no line of column names, with model and from among them, was found');
    return { data: undefined, lineOf: () => undefined, problems: sheet.problems, readable: false };
  }
  for (const record of read.records.slice(0, head)) sheet.setting(record);
  const columns = sheet.columns(read.records[head]);
  for (const record of read.records.slice(head + 1)) sheet.line(record, columns);
  const data = sheet.data();
  return { data, lineOf: (path) => sheet.lineOf(path), problems: sheet.problems, readable: true };
}

class Sheet {
  readonly problems: string[];
  readonly #settings = new Map<string, unknown>();
  readonly #groups = new Map<string, Group>();
  readonly #lineByPath = new Map<string, number>();

  constructor(problems: readonly string[]) {
    this.problems = [...problems];
  }

  problem(line: number, message: string): void {
    this.problems.push(`line ${line}: ${message}`);
  }

  lineOf(path: Path): number | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lineByPath.get(path.slice(0, length).join('\u0000'));
      if (line !== undefined) return line;
    }
    return undefined;
  }

  /** `fees.web_search,10000`: dots lead into a group of settings. */
  setting({ cells, line }: CsvRecord): void {
    const [name = '', text = '', ...rest] = cells;
    if (rest.some((cell) => cell !== '')) {
      this.problem(line, 'above the column names a line has a name and a value, no more');
      return;
    }
    const [first = '', second, ...deeper] = name.split('.');
    const inner = this.#settings.get(first);
    const known = second === undefined ? inner : inner instanceof Map ? inner.get(second) : inner;
    if (deeper.length > 0 || known !== undefined) {
      const fault = deeper.length > 0 ? 'is no setting' : 'stands here twice';
      this.problem(line, `${name} ${fault}`);
      return;
    }
    const value = isList(name) ? words(text) : text;
    this.#mark([first, ...(second === undefined ? [] : [second])], line);
    if (second === undefined) this.#settings.set(first, value);
    else if (inner instanceof Map) inner.set(second, value);
    else this.#settings.set(first, new Map([[second, value]]));
  }

  columns(head: CsvRecord | undefined): (Column | undefined)[] {
    const seen = new Set<string>();
    return (head?.cells ?? []).map((name) => {
      const column = COLUMNS.find((known) => known === name);
      if (column === undefined && name !== '') {
        const nearest = nearestName(name, COLUMNS);
        const fix = nearest === undefined ? 'remove it' : `did you mean ${nearest}?`;
        this.problem(head?.line ?? 1, `there is no column ${name}; ${fix}`);
      }
      if (seen.has(name)) this.problem(head?.line ?? 1, `the column ${name} is there twice`);
      if (name !== '') seen.add(name);
      return column;
    });
  }

  line({ cells, line }: CsvRecord, columns: readonly (Column | undefined)[]): void {
    const said = new Map<Column, string>();
    for (const [index, text] of cells.entries()) {
      const column = columns[index];
      if (text === '') continue;
      if (column !== undefined) said.set(column, text);
      else if (index >= columns.length) this.problem(line, 'has more cells than columns');
    }
    const group = this.#groupOf(said, line);
    for (const column of ROW_COLUMNS) this.#say(group, column, said.get(column), line);
    const rates = said.get('rates') ?? 'base';
    const free = said.get('free') ?? '';
    const band = new Map(BAND_COLUMNS.flatMap((name) => entryOf(said, name)));
    if (band.size === 0 && free === '') return;
    const card = group.cards.get(rates) ?? { line, free, bands: [] };
    group.cards.set(rates, card);
    if (card.free === '') card.free = free;
    else if (free !== '' && free !== card.free) {
      this.problem(line, `free says other than in line ${card.line} of the same rates`);
    }
    if (!band.has('prompt_tokens_above')) band.set('prompt_tokens_above', '0');
    card.bands.push({ line, cells: band });
  }

  data(): unknown {
    const models = [...this.#groups.values()].map((group, index) => {
      this.#mark(['models', index], group.line);
      return this.#rowData(group, ['models', index]);
    });
    const settings = [...this.#settings].map(([name, value]) => [
      name,
      value instanceof Map ? Object.fromEntries(value) : value,
    ]);
    return { ...Object.fromEntries(settings), models };
  }

  #mark(path: Path, line: number): void {
    this.#lineByPath.set(path.join('\u0000'), line);
  }

  #groupOf(said: ReadonlyMap<Column, string>, line: number): Group {
    const [model = '', from = ''] = [said.get('model'), said.get('from')];
    const key = `${model}\u0000${from}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { line, model, from, said: new Map(), cards: new Map() };
    this.#groups.set(key, group);
    return group;
  }

  #say(group: Group, column: Column, text: string | undefined, line: number): void {
    if (text === undefined) return;
    const before = group.said.get(column);
    if (before === undefined) group.said.set(column, { text, line });
    else if (before.text !== text) {
      this.problem(line, `${column} says other than in line ${before.line} of the same row`);
    }
  }

  #rowData(group: Group, path: Path): Record<string, unknown> {
    const row: Record<string, unknown> = { model: group.model };
    if (group.from !== '') row.from = group.from;
    for (const [column, { text, line }] of group.said) {
      if (column.endsWith('_applies_to')) continue;
      const appliesTo = group.said.get(
        COLUMNS.find((name) => name === `${column}_applies_to`) ?? 'model',
      );
      const value = isList(column) ? words(text) : text;
      row[column] =
        appliesTo === undefined ? value : { factor: value, applies_to: words(appliesTo.text) };
      this.#mark([...path, column], line);
    }
    const explicit: unknown[] = [];
    for (const [rates, card] of group.cards) {
      if (rates === 'base') Object.assign(row, this.#cardData(card, path));
      else if (rates === 'upstream') row.upstream = this.#cardData(card, [...path, 'upstream']);
      else {
        const at = [...path, 'explicit', explicit.length];
        explicit.push({ ...this.#served(rates, card.line), ...this.#cardData(card, at) });
      }
    }
    if (explicit.length > 0) row.explicit = explicit;
    return row;
  }

  #served(rates: string, line: number): Record<string, string> {
    const named: Record<string, string> = {};
    for (const word of rates.split('+')) {
      const setting = SERVED.get(word.trim());
      if (setting !== undefined) named[setting[0]] = setting[1];
      else {
        const known = ['base', 'upstream', ...SERVED.keys()].join(', ');
        this.problem(line, `rates says ${rates}; known are ${known} and, with +, two of the last`);
      }
    }
    return named;
  }

  #cardData(card: Card, path: Path): Record<string, unknown> {
    const threshold = (cells: ReadonlyMap<Column, string>): number =>
      Number.parseInt(cells.get('prompt_tokens_above') ?? '', 10) || 0;
    const sorted = card.bands.toSorted(
      (one, other) => threshold(one.cells) - threshold(other.cells),
    );
    this.#mark(path, card.line);
    const free = card.free === 'true' || card.free === 'false' ? card.free : words(card.free);
    // A line that says `free` and nothing else is rates without a band of their own.
    const plain = card.free !== '' && sorted.length === 1 && sorted[0]?.cells.size === 1;
    for (const [index, { line }] of sorted.entries()) this.#mark([...path, 'bands', index], line);
    return {
      ...(card.free === '' ? {} : { free }),
      ...(plain ? {} : { bands: sorted.map(({ cells }) => Object.fromEntries(cells)) }),
    };
  }
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

function entryOf(said: ReadonlyMap<Column, string>, name: Column): [Column, string][] {
  const text = said.get(name);
  return text === undefined ? [] : [[name, text]];
}
