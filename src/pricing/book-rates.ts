import { formatUsd, nanos } from '#kernel/money';
import {
  type Factor,
  type PriceBand,
  type PriceBands,
  type Rates,
  ratesAbove,
  TOKEN_KINDS,
  type TokenKind,
} from './book.ts';
import {
  readFree,
  reportDisorder,
  type Written,
  type WrittenBand,
  writtenBands,
} from './book-bands.ts';
import { AMOUNT_MAX, type Fields } from './book-fields.ts';

/** What a cache rate is of input, where a book gives none. */
export interface CacheMultipliers {
  readonly cache_write_5m: Factor;
  readonly cache_write_1h: Factor;
  readonly cache_read: Factor;
}

export interface RatesContext extends Written {
  readonly multipliers: CacheMultipliers;
  /** Prices left out are the upstream's times this. */
  readonly markup: { readonly factor: Factor; readonly upstream: PriceBands } | null;
  /** Whether customers pay these. What an upstream charges is its own affair. */
  readonly sold: boolean;
}

/**
 * Reads rates: one set of them, or `bands`. Cache rates left out follow from input by the cache
 * multipliers, any rate left out from the upstream's where there is a markup; both exactly, or not
 * at all. Undefined if anything was wrong.
 */
export function readRates(fields: Fields, context: RatesContext): PriceBands | undefined {
  const free = readFree(fields);
  const allFree = free?.size === TOKEN_KINDS.length;
  const written = writtenBands(
    fields,
    context,
    allFree ? null : (context.markup?.upstream ?? null),
  );
  if (written === undefined || free === undefined) return undefined;
  reportDisorder(written);
  if (!coversMarkup(fields, written, context, free)) return undefined;
  const bands: PriceBand[] = [];
  let before: PriceBand | undefined;
  for (const band of written) {
    const rates = completeRates(band, context, free);
    if (rates === undefined) {
      before = undefined;
      continue;
    }
    reportImplausible(band, rates, free);
    if (context.sold && before !== undefined) reportFalling(before, band, rates);
    before = { promptTokensAbove: band.above, rates };
    bands.push(before);
  }
  reportUselessFree(fields, bands, free);
  const [first, ...rest] = bands;
  return first === undefined || bands.length < written.length ? undefined : [first, ...rest];
}

/** A markup must not miss a band of the upstream: what is dearer there would be sold at a loss. */
function coversMarkup(
  fields: Fields,
  written: readonly WrittenBand[],
  { markup }: RatesContext,
  free: ReadonlySet<TokenKind>,
): boolean {
  if (markup === null) return true;
  const needed = (['input', 'output'] as const).filter((name) => !free.has(name));
  if (written.every(({ rates }) => needed.every((name) => rates.has(name)))) return true;
  const own = new Set(written.map(({ above }) => above));
  const missing = markup.upstream.find((band) => !own.has(band.promptTokensAbove));
  if (missing === undefined) return true;
  fields.problem(
    fields.has('bands') ? 'bands' : 'upstream',
    `the upstream has a price above ${missing.promptTokensAbove} prompt tokens, ` +
      'the row has none; add that band, or leave all prices to the markup',
  );
  return false;
}

function completeRates(
  band: WrittenBand,
  context: RatesContext,
  free: ReadonlySet<TokenKind>,
): Rates | undefined {
  const rate = (name: TokenKind): bigint | undefined => {
    const given = band.rates.get(name);
    if (given === null) return undefined;
    if (given !== undefined) return meant(band, name, given, free);
    if (free.has(name)) return 0n;
    const isBase = name === 'input' || name === 'output';
    // A written input is what the cache rates left out follow, as in a row without a markup.
    if (context.markup !== null && (isBase || !band.rates.has('input'))) {
      return markedUp(band, name, context.markup);
    }
    if (isBase) return band.fields.problem(name, 'is missing: what has no price is not sold');
    return byMultiplier(band, name, context.multipliers[name], free);
  };
  const [input, output] = [rate('input'), rate('output')];
  const cacheWrite5m = rate('cache_write_5m');
  const cacheWrite1h = rate('cache_write_1h');
  const cacheRead = rate('cache_read');
  if (input === undefined || output === undefined) return undefined;
  if (cacheWrite5m === undefined || cacheWrite1h === undefined || cacheRead === undefined) {
    return undefined;
  }
  return { input, cacheWrite5m, cacheWrite1h, cacheRead, output };
}

function meant(
  band: WrittenBand,
  name: TokenKind,
  given: bigint,
  free: ReadonlySet<TokenKind>,
): bigint | undefined {
  if (given > 0n || free.has(name)) return given;
  const fix = `write free: true, or free: [${name}], beside the prices if that is meant`;
  return band.fields.problem(name, `is 0; ${fix}`);
}

function markedUp(
  band: WrittenBand,
  name: TokenKind,
  { factor, upstream }: { readonly factor: Factor; readonly upstream: PriceBands },
): bigint | undefined {
  const cost = byName(ratesAbove(upstream, band.above), name);
  const exact = timesExactly(cost, factor);
  if (exact === 0n) {
    return band.fields.problem(name, 'is 0, as the upstream costs nothing; give it, or free: true');
  }
  return exact ?? inexact(band, name, `the upstream's ${usd(cost)}`, factor);
}

function byMultiplier(
  band: WrittenBand,
  name: TokenKind,
  factor: Factor,
  free: ReadonlySet<TokenKind>,
): bigint | undefined {
  // A wrong or missing input is reported already.
  const input = band.rates.get('input') ?? (free.has('input') ? 0n : undefined);
  if (input === undefined) return undefined;
  if (input === 0n) {
    return free.has('input')
      ? band.fields.problem(name, 'is missing, and input is free')
      : undefined;
  }
  const exact = timesExactly(input, factor);
  return exact ?? inexact(band, name, `input's ${usd(input)}`, factor);
}

function inexact(band: WrittenBand, name: TokenKind, what: string, factor: Factor): undefined {
  const { numerator, denominator } = factor;
  const product = `${what} USD × ${numerator}/${denominator}`;
  return band.fields.problem(name, `${product} is not whole nano-USD; give it`);
}

const usd = (amount: bigint): string => formatUsd(nanos(amount));

function timesExactly(amount: bigint, { numerator, denominator }: Factor): bigint | undefined {
  const product = amount * numerator;
  const exact = product % denominator === 0n && product / denominator <= AMOUNT_MAX;
  return exact ? product / denominator : undefined;
}

/** The order every published price keeps; a swapped column shows here (threat T55). */
function reportImplausible(band: WrittenBand, rates: Rates, free: ReadonlySet<TokenKind>): void {
  const order: [TokenKind, TokenKind][] = [
    ['cache_read', 'input'],
    ['input', 'cache_write_5m'],
    ['cache_write_5m', 'cache_write_1h'],
  ];
  if (!free.has('output')) order.push(['input', 'output']);
  for (const [less, more] of order) {
    const [low, high] = [byName(rates, less), byName(rates, more)];
    if (low <= high) continue;
    const at = band.rates.has(less) ? less : more;
    band.fields.problem(
      at,
      `${less} (${usd(low)}) is above ${more} (${usd(high)}): swapped columns?`,
    );
  }
}

/** The band prices every token of a turn: were it cheaper, one token more would cost less in all. */
function reportFalling(before: PriceBand, band: WrittenBand, rates: Rates): void {
  if (band.above <= before.promptTokensAbove) return;
  const fallen = TOKEN_KINDS.filter((name) => byName(rates, name) < byName(before.rates, name));
  for (const name of fallen) {
    // What is not written falls with what it follows; that one is named.
    const isBase = name === 'input' || name === 'output';
    if (!isBase && !band.rates.has(name) && fallen.includes('input')) continue;
    const [low, high] = [byName(rates, name), byName(before.rates, name)].map(usd);
    const fault = `${low} above ${band.above} prompt tokens is below the ${high} of the band before`;
    const fix = `a longer prompt would cost less in all; give at least ${high}`;
    band.fields.problem(name, `${fault}: ${fix}`);
  }
}

function reportUselessFree(
  fields: Fields,
  bands: readonly PriceBand[],
  free: ReadonlySet<TokenKind>,
): void {
  for (const name of free) {
    const [band] = bands;
    if (band === undefined || bands.some(({ rates }) => byName(rates, name) === 0n)) continue;
    const message = `says ${name} costs nothing, and its price is ${usd(byName(band.rates, name))}`;
    fields.problem('free', message);
  }
}

export function byName(rates: Rates, name: TokenKind): bigint {
  if (name === 'input') return rates.input;
  if (name === 'output') return rates.output;
  if (name === 'cache_read') return rates.cacheRead;
  return name === 'cache_write_5m' ? rates.cacheWrite5m : rates.cacheWrite1h;
}

/** The value of `free` that these rates need. Null: nothing is free. */
export function freeOf(bands: PriceBands): true | TokenKind[] | null {
  const names = TOKEN_KINDS.filter((name) => bands.some(({ rates }) => byName(rates, name) === 0n));
  if (names.length === 0) return null;
  return names.length === TOKEN_KINDS.length ? true : names;
}
