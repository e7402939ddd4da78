import { isMap, isNode, LineCounter, parseDocument, visit } from 'yaml';
import { centsExactly, formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import { PER_MINUTE_MAX } from './bucket.ts';
import { bundledTiers } from './bundled-tiers.ts';
import { isRecord, type JsonRecord } from './json.ts';
import {
  type BatchLimits,
  LIMIT_KINDS,
  type Limits,
  type ModelClass,
  NO_TIER,
  OTHER_CLASS,
  type PurchaseRange,
  type Tier,
  type TierBook,
} from './tiers.ts';

/** One thing wrong with the file, at a place such as `line 3, tiers.trial.other`. */
export interface TierProblem {
  readonly place: string;
  readonly found: string;
  readonly expected: string;
}

export type LoadedTiers =
  | { readonly outcome: 'loaded'; readonly book: TierBook }
  | { readonly outcome: 'invalid'; readonly problems: readonly TierProblem[] };

const NAME = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const NAME_FORM = 'small letters, digits, "-" and "_", at most 40, such as start';
const MODEL = /^[A-Za-z0-9._:/@-]{0,99}\*?$/;
const FILE_CHARACTERS_MAX = 1_048_576;
const BURST_SECONDS_MAX = 60;

/** Reads the tiers an operator defines, YAML or JSON. Problems come all at once, with their lines. */
export function parseTiersFile(text: string): LoadedTiers {
  if (text.length > FILE_CHARACTERS_MAX) {
    const found = `${text.length} characters`;
    const expected = `at most ${FILE_CHARACTERS_MAX} characters`;
    return { outcome: 'invalid', problems: [{ place: 'the file', found, expected }] };
  }
  const lines = new LineCounter();
  // Every scalar stays the text that was written: what is a number is decided here.
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    ...{ schema: 'failsafe', lineCounter: lines, prettyErrors: false, stringKeys: true },
  });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    // One mistake makes a parser stumble more than once, often in one line.
    const problems = document.errors.map(({ pos, code }) => ({
      place: `line ${lineAt(pos[0])}`,
      found: code === 'DUPLICATE_KEY' ? 'a name a second time' : 'no YAML or JSON',
      expected: 'YAML or JSON, each name once',
    }));
    const first = problems.filter(
      ({ place }, index) => problems.findIndex((other) => other.place === place) === index,
    );
    return { outcome: 'invalid', problems: first };
  }
  const aliases: TierProblem[] = [];
  visit(document, {
    Alias(_key, { range }) {
      const place = `line ${lineAt(range?.[0] ?? 0)}`;
      aliases.push({ place, found: 'an alias', expected: 'YAML without aliases' });
    },
  });
  // What it stands for may be nothing, or a thousand times itself.
  if (aliases.length > 0) return { outcome: 'invalid', problems: aliases };
  const reader = new Reader((path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      const start = isNode(node) ? node.range?.[0] : undefined;
      if (start !== undefined) return lineAt(start);
    }
    return isMap(document.contents) ? lineAt(document.contents.range?.[0] ?? 0) : 1;
  });
  const book = readBook(reader, document.toJS());
  return reader.problems.length === 0
    ? { outcome: 'loaded', book }
    : { outcome: 'invalid', problems: reader.problems };
}

type Path = readonly string[];

/** Collects what is wrong instead of stopping at the first. */
class Reader {
  readonly problems: TierProblem[] = [];
  readonly #lineOf: (path: Path) => number;

  constructor(lineOf: (path: Path) => number) {
    this.#lineOf = lineOf;
  }

  problem(path: Path, found: string, expected: string): void {
    const where = path.length === 0 ? 'the file' : path.join('.');
    this.problems.push({ place: `line ${this.#lineOf(path)}, ${where}`, found, expected });
  }

  /** The fields of a mapping; names that mean nothing here are reported. */
  fields(value: unknown, path: Path, known?: readonly string[]): JsonRecord {
    if (!isRecord(value)) {
      this.problem(path, shown(value), 'fields with values');
      return {};
    }
    for (const name of Object.keys(value)) {
      if (known === undefined || known.includes(name)) continue;
      this.problem([...path, name], 'an unknown field', `one of ${known.join(', ')}`);
    }
    return value;
  }

  count(fields: JsonRecord, name: string, path: Path, most: number, standard?: number): number {
    const value = fields[name];
    if (value === undefined && standard !== undefined) return standard;
    const text = typeof value === 'string' ? value.replaceAll('_', '') : '';
    const number = /^\d{1,10}$/.test(text) ? Number.parseInt(text, 10) : 0;
    if (number >= 1 && number <= most) return number;
    this.problem([...path, name], shown(value), `a whole number from 1 to ${most}`);
    return 1;
  }

  name(text: string, path: Path): void {
    if (!NAME.test(text)) this.problem(path, shown(text), NAME_FORM);
  }
}

const SHOWN_MAX = 80;

function shown(value: unknown): string {
  if (value === undefined || value === '' || value === null) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_MAX));
  return Array.isArray(value) ? `a list of ${value.length}` : 'fields';
}

function readBook(reader: Reader, data: unknown): TierBook {
  const fields = reader.fields(data, [], ['classes', 'tiers']);
  const classes = fields.classes === undefined ? bundledTiers.classes : readClasses(reader, fields);
  const ids = new Set(classes.map(({ id }) => id));
  const named = Object.entries(reader.fields(fields.tiers ?? {}, ['tiers']));
  if (named.length === 0) reader.problem(['tiers'], 'no tier', 'at least one');
  return { classes, tiers: named.map(([name, tier]) => readTier(reader, name, tier, ids)) };
}

function readClasses(reader: Reader, { classes }: JsonRecord): ModelClass[] {
  return Object.entries(reader.fields(classes, ['classes'])).map(([id, value]) => {
    const path = ['classes', id];
    reader.name(id, path);
    if (id === OTHER_CLASS) {
      reader.problem(path, shown(id), 'another name, for this one is of models of no class');
    }
    const { name, models } = reader.fields(value, path, ['name', 'models']);
    const list = Array.isArray(models) ? models.map(String) : [];
    if (list.length === 0) reader.problem([...path, 'models'], shown(models), 'a list of models');
    for (const model of list) {
      if (model !== '' && MODEL.test(model)) continue;
      reader.problem([...path, 'models'], shown(model), 'a model id, or its beginning and *');
    }
    return { id, name: typeof name === 'string' ? name : id, models: list };
  });
}

const TIER_FIELDS = [
  'spend_cap_usd',
  'purchase_min_usd',
  'purchase_max_usd',
  'burst_seconds',
  'count_tokens',
  'batches',
  'other',
  'classes',
];

function readTier(reader: Reader, name: string, value: unknown, ids: ReadonlySet<string>): Tier {
  const path = ['tiers', name];
  reader.name(name, path);
  if (name === NO_TIER) reader.problem(path, shown(name), 'another name, for it means no limits');
  const fields = reader.fields(value, path, TIER_FIELDS);
  const own = Object.entries(reader.fields(fields.classes ?? {}, [...path, 'classes']));
  for (const [id] of own) {
    if (ids.has(id)) continue;
    reader.problem(
      [...path, 'classes', id],
      shown(id),
      `one of the classes ${[...ids].join(', ')}`,
    );
  }
  return {
    name,
    spendCap: readSpendCap(reader, fields, path),
    ...readPurchases(reader, fields, path),
    burstSeconds: reader.count(fields, 'burst_seconds', path, BURST_SECONDS_MAX, BURST_SECONDS_MAX),
    countTokens: reader.count(fields, 'count_tokens', path, PER_MINUTE_MAX),
    batches: readBatches(reader, fields.batches, [...path, 'batches']),
    other: readLimits(reader, fields.other, [...path, 'other']),
    classes: new Map(
      own.map(([id, limits]) => [id, readLimits(reader, limits, [...path, 'classes', id])]),
    ),
  };
}

function readSpendCap(reader: Reader, fields: JsonRecord, path: Path): NanoUsd | null {
  const { spend_cap_usd: value } = fields;
  if (value === undefined) return null;
  const cap = typeof value === 'string' ? parseUsd(value) : undefined;
  if (cap !== undefined && cap >= 0n) return cap;
  reader.problem([...path, 'spend_cap_usd'], shown(value), 'an amount such as 500');
  return null;
}

function readPurchases(
  reader: Reader,
  fields: JsonRecord,
  path: Path,
): { purchases?: PurchaseRange } {
  const { purchase_min_usd: min, purchase_max_usd: max } = fields;
  if (min === undefined && max === undefined) return {};
  const dollars = (name: string, value: unknown): NanoUsd | null => {
    if (value === undefined) return null;
    const amount = typeof value === 'string' ? parseUsd(value) : undefined;
    if (amount !== undefined && amount > 0n && centsExactly(amount) !== undefined) return amount;
    reader.problem([...path, name], shown(value), 'an amount of whole cents such as 500');
    return null;
  };
  const least = dollars('purchase_min_usd', min);
  const most = dollars('purchase_max_usd', max);
  if (least !== null && most !== null && most < least) {
    const expected = `purchase_min_usd (${formatUsd(least)}) or more`;
    reader.problem([...path, 'purchase_max_usd'], shown(max), expected);
  }
  return { purchases: { least, most } };
}

function readLimits(reader: Reader, value: unknown, path: Path): Limits {
  const fields = reader.fields(value, path, LIMIT_KINDS);
  const of = (kind: string): number => reader.count(fields, kind, path, PER_MINUTE_MAX);
  return {
    requests: of('requests'),
    input_tokens: of('input_tokens'),
    output_tokens: of('output_tokens'),
  };
}

function readBatches(reader: Reader, value: unknown, path: Path): BatchLimits {
  const fields = reader.fields(value, path, ['requests', 'queued', 'per_batch']);
  const of = (name: string): number => reader.count(fields, name, path, PER_MINUTE_MAX);
  return { requests: of('requests'), queued: of('queued'), perBatch: of('per_batch') };
}
