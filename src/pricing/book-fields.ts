import { parseUsd } from '#kernel/money';
import { type Factor, TOKEN_KINDS, type TokenKind } from './book.ts';
import { nearestName, type Path, type Report } from './book-problem.ts';
import { lowestTerms } from './rate-fraction.ts';

/** What amounts of a file are written in: per million units, or per hour. */
export type Unit = 'usd' | 'nano_usd';

/** Just below a billion dollars: amounts, and what a few units cost, stay in 64 bits. */
export const AMOUNT_MAX = 10n ** 18n - 1n;
/** Nobody sells a million tokens for a millionth of a dollar; who forgot the unit seems to. */
const UNIT_DOUBTED_BELOW = 1_000n;
const FACTOR_PART_MAX = 1_000_000_000n;

const TIME = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}$/;
/** A first letter or digit also keeps spreadsheets from taking a name for a formula. */
const TITLE = /^[\p{L}\p{N}][^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{0,199}$/u;

/** Nothing, as data, YAML and people write it. A missing field is `undefined` instead. */
export const isNothing = (value: unknown): boolean =>
  value === null || value === '' || value === 'null' || value === '~' || value === 'none';

/** The text of a value a person could have typed; numbers only where they are exact. */
function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

/**
 * One mapping of a book's data, read field by field. What is wrong is reported, with its place, and
 * read as undefined; `close` reports the fields nobody asked for.
 */
export class Fields {
  readonly path: Path;
  readonly report: Report;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  private constructor(values: ReadonlyMap<string, unknown>, path: Path, report: Report) {
    this.#values = values;
    this.path = path;
    this.report = report;
  }

  static of(value: unknown, path: Path, report: Report): Fields | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return new Fields(new Map(Object.entries(value)), path, report);
    }
    report(path, `a mapping of fields is expected, ${shown(value)} found`);
    return undefined;
  }

  /** Whether the field stands there, be it with nothing in it. */
  has(name: string): boolean {
    this.#asked.add(name);
    return this.#values.get(name) !== undefined;
  }

  raw(name: string): unknown {
    this.#asked.add(name);
    return this.#values.get(name);
  }

  at(name: string): Path {
    return [...this.path, name];
  }

  problem(name: string, message: string): undefined {
    this.report(this.at(name), message);
    return undefined;
  }

  close(): void {
    for (const name of this.#values.keys()) {
      if (this.#asked.has(name)) continue;
      const nearest = nearestName(name, this.#asked);
      const fix = nearest === undefined ? 'remove it' : `did you mean ${nearest}?`;
      this.report(this.at(name), `there is no such field; ${fix}`);
    }
  }

  /** A name of a model, a provider or a version. */
  name(name: string, fallback?: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    return nameOf(value, this.at(name), this.report);
  }

  title(name: string, fallback: string | undefined): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    const text = scalarText(value);
    if (text !== undefined && TITLE.test(text)) return text;
    return this.problem(name, `${shown(value)} is not a name of 1 to 200 printable characters`);
  }

  names(name: string): string[] {
    const value = this.raw(name);
    if (value === undefined || isNothing(value)) return [];
    const path = this.at(name);
    if (!Array.isArray(value)) {
      this.report(path, `a list of names is expected, ${shown(value)} found; write [name, name]`);
      return [];
    }
    const read = value.map((item, index) => nameOf(item, [...path, index], this.report));
    return read.filter((item) => item !== undefined);
  }

  /** A list of mappings. Undefined, and reported, where it is anything else or empty. */
  list(name: string): readonly unknown[] | undefined {
    const value = this.raw(name);
    if (Array.isArray(value) && value.length > 0) return value;
    return this.problem(name, `a list of at least one entry is expected, ${shown(value)} found`);
  }

  count(name: string, limits: { min: number; max: number; fallback?: number }): number | undefined {
    const { min, max, fallback } = limits;
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const text = scalarText(value) ?? '';
    const number = /^\d{1,15}$/.test(text) ? BigInt(text) : -1n;
    if (number >= BigInt(min) && number <= BigInt(max)) return Number.parseInt(text, 10);
    return this.problem(
      name,
      `a whole number from ${min} to ${max} is expected, ${shown(value)} found`,
    );
  }

  time(name: string): Date | undefined {
    const value = this.raw(name);
    const text = scalarText(value) ?? '';
    const match = TIME.exec(text);
    const day = match?.[1];
    // 30 February would be read as 2 March; a time zone other than UTC as another day.
    const time = new Date(match?.[2] === undefined ? `${text}T00:00:00Z` : text);
    if (day !== undefined && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day)) {
      return time;
    }
    const fix = 'write a day or an instant in UTC, such as 2026-11-21 or 2026-11-21T09:30:00Z';
    return this.problem(name, `${shown(value)} is not a time in UTC; ${fix}`);
  }

  flag(name: string): boolean | undefined {
    const text = scalarText(this.raw(name));
    if (text === 'true' || text === 'false') return text === 'true';
    return this.problem(name, `true or false is expected, ${shown(this.raw(name))} found`);
  }

  amount(name: string, unit: Unit, doubtUnit: boolean): bigint | undefined {
    const value = this.raw(name);
    const read = readAmount(value, unit);
    if (typeof read === 'string') return this.problem(name, read);
    if (doubtUnit && read > 0n && read < UNIT_DOUBTED_BELOW) {
      return this.problem(
        name,
        `${read} nano-USD is next to nothing; write unit: usd at the top if dollars are meant, ` +
          'unit: nano_usd if not',
      );
    }
    return read;
  }

  factor(name: string): Factor | undefined {
    const value = this.raw(name);
    const read = readFactor(value);
    if (read !== undefined) return read;
    return this.problem(
      name,
      `a factor such as "1.1" or "11/10" is expected, ${shown(value)} found`,
    );
  }

  /** Kinds of tokens; all of them where the field is absent. Fees belong to no row. */
  tokenKinds(name: string): ReadonlySet<TokenKind> | undefined {
    const value = this.raw(name);
    if (value === undefined) return new Set(TOKEN_KINDS);
    const listed = Array.isArray(value) ? value : [value];
    const known = TOKEN_KINDS.filter((kind) => listed.includes(kind));
    if (known.length === listed.length && known.length > 0) return new Set(known);
    return this.problem(name, `a list out of ${TOKEN_KINDS.join(', ')}, each once, is expected`);
  }
}

/** What was found, in a message: shortened, and never more than a value of a price book. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = String(value);
  return `"${text.length > 40 ? `${text.slice(0, 40)}…` : text}"`;
}

function nameOf(value: unknown, path: Path, report: Report): string | undefined {
  const text = scalarText(value);
  if (text !== undefined && NAME.test(text)) return text;
  report(path, `${shown(value)} is not a name of letters, digits and . _ : @ / + -`);
  return undefined;
}

/** The amount in nano-USD, or what is wrong with it. */
function readAmount(value: unknown, unit: Unit): bigint | string {
  if (value === undefined) return 'is missing';
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return `${value} is a binary fraction, which does not hold money exactly; write it in quotes`;
  }
  const text = scalarText(value) ?? '';
  if (/^-\d/.test(text)) return `${shown(value)} is negative; a price is what the customer pays`;
  const decimal = /^(\d+)(\.\d+)?$/.exec(text);
  if (decimal === null) {
    const example = unit === 'usd' ? '2.50' : '2500000000';
    return `${shown(value)} is not an amount; write digits such as ${example}`;
  }
  const tooLarge = `${shown(value)} is more than an amount may be: 999999999.999999999 USD`;
  const [, whole = '', fraction = ''] = decimal;
  if (unit === 'nano_usd') {
    if (fraction === '') return readWhole(text) ?? tooLarge;
    return `${shown(value)} is not whole nano-USD; for dollars write unit: usd at the top`;
  }
  if (fraction.length > 10) return `${shown(value)} has more than nine decimals`;
  // Zeros in front are no reason to refuse, and parseUsd counts digits.
  return parseUsd(`${whole.replace(/^0+(?=\d)/, '')}${fraction}`) ?? tooLarge;
}

function readWhole(text: string): bigint | undefined {
  const digits = text.replace(/^0+(?=\d)/, '');
  return digits.length > 18 ? undefined : BigInt(digits);
}

function readFactor(value: unknown): Factor | undefined {
  if (Array.isArray(value)) {
    const parts = value.map((part: unknown) => scalarText(part) ?? '');
    return value.length === 2 ? readFactor(parts.join('/')) : undefined;
  }
  const text = scalarText(value) ?? '';
  const ratio = /^(\d{1,10})\/(\d{1,10})$/.exec(text);
  if (ratio !== null) return reduced(BigInt(ratio[1] ?? ''), BigInt(ratio[2] ?? ''));
  const decimal = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text);
  if (decimal === null) return undefined;
  const [, whole = '', fraction = ''] = decimal;
  return reduced(BigInt(whole + fraction), 10n ** BigInt(fraction.length));
}

/** The lowest terms, so that equal factors are equal data. Undefined for 0 and beyond bounds. */
function reduced(numerator: bigint, denominator: bigint): Factor | undefined {
  if (numerator === 0n || denominator === 0n) return undefined;
  const factor = lowestTerms(numerator, denominator);
  const parts = [factor.numerator, factor.denominator];
  return parts.some((part) => part > FACTOR_PART_MAX) ? undefined : factor;
}
