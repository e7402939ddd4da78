import {
  type ExplicitRates,
  type Factor,
  type ModelPrice,
  type PriceBands,
  type Surcharge,
  TOKEN_KINDS,
} from './book.ts';
import { hasRates } from './book-bands.ts';
import { readExplicit } from './book-explicit.ts';
import { Fields, isNothing, shown, type Unit } from './book-fields.ts';
import { type CacheMultipliers, type RatesContext, readRates } from './book-rates.ts';

/** What a book says once for all its rows; a row may say otherwise. */
export interface RowDefaults {
  readonly unit: Unit;
  readonly doubtUnit: boolean;
  readonly provider: string;
  readonly multipliers: CacheMultipliers;
  readonly markup: Factor | null;
  readonly region: Surcharge | null;
  readonly batch: Surcharge | null;
  /** What `us_inference: true` costs in files of the first format. */
  readonly usInference: Factor | null;
}

const TOKENS_MAX = 1_000_000_000;
/** Above that it is not a surcharge but a slip of the decimal point. */
const SURCHARGE_MAX = 100n;
const ONE: Factor = { numerator: 1n, denominator: 1n };

/** Reads one row. Undefined if something in it was wrong and is reported. */
export function readRow(fields: Fields, defaults: RowDefaults): ModelPrice | undefined {
  const model = fields.name('model');
  const aliases = readAliases(fields, model);
  const displayName = fields.title('display_name', model);
  const provider = fields.name('provider', defaults.provider);
  const from = fields.time('from');
  const until = readUntil(fields, from);
  const releasedAt = fields.has('released_at') ? fields.time('released_at') : from;
  const limits = { min: 1, max: TOKENS_MAX };
  const contextWindow = fields.count('context_window', limits);
  const outputTokensMax = fields.count('output_tokens_max', limits);
  const fast = readSurcharge(fields, 'fast', 'dearer', null);
  const region = readRegion(fields, defaults);
  const batch = readSurcharge(fields, 'batch', 'cheaper', defaults.batch);
  const prices = readPrices(fields, defaults);
  fields.close();
  if (model === undefined || displayName === undefined || provider === undefined) return undefined;
  if (from === undefined || until === undefined || releasedAt === undefined) return undefined;
  if (contextWindow === undefined || outputTokensMax === undefined) return undefined;
  if (fast === undefined || region === undefined || batch === undefined) return undefined;
  if (prices === undefined) return undefined;
  return {
    model,
    aliases,
    displayName,
    provider,
    releasedAt,
    contextWindow,
    outputTokensMax,
    from,
    until,
    bands: prices.bands,
    fast,
    region,
    batch,
    explicit: prices.explicit,
    upstream: prices.upstream,
  };
}

function readAliases(fields: Fields, model: string | undefined): string[] {
  const aliases = fields.names('aliases');
  const seen = new Set([model]);
  for (const [index, alias] of aliases.entries()) {
    if (seen.has(alias)) {
      fields.report([...fields.at('aliases'), index], `${shown(alias)} is named twice in this row`);
    }
    seen.add(alias);
  }
  return aliases;
}

function readUntil(fields: Fields, from: Date | undefined): Date | null | undefined {
  if (!fields.has('until') || isNothing(fields.raw('until'))) return null;
  const until = fields.time('until');
  if (until !== undefined && from !== undefined && until <= from) {
    return fields.problem('until', `must be after from (${from.toISOString()}); it is exclusive`);
  }
  return until;
}

/** A factor, or a mapping of `factor` and `applies_to`. Null: there is none. */
export function readSurcharge(
  fields: Fields,
  name: 'fast' | 'region' | 'batch',
  sense: 'dearer' | 'cheaper',
  fallback: Surcharge | null,
): Surcharge | null | undefined {
  if (!fields.has(name)) return fallback;
  const value = fields.raw(name);
  if (isNothing(value)) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const factor = sensible(fields, name, fields.factor(name), sense);
    return factor && { ...factor, appliesTo: new Set(TOKEN_KINDS) };
  }
  const inner = Fields.of(value, fields.at(name), fields.report);
  if (inner === undefined) return undefined;
  const factor = sensible(inner, 'factor', inner.factor('factor'), sense);
  const appliesTo = inner.tokenKinds('applies_to');
  inner.close();
  return factor && appliesTo && { ...factor, appliesTo };
}

function sensible(
  fields: Fields,
  name: string,
  factor: Factor | undefined,
  sense: 'dearer' | 'cheaper',
): Factor | undefined {
  if (factor === undefined) return undefined;
  const { numerator, denominator } = factor;
  if (sense === 'cheaper' && numerator > denominator) {
    return fields.problem(name, 'is what is paid of the price, such as "0.5": at most 1');
  }
  if (sense === 'dearer' && numerator < denominator) {
    return fields.problem(name, 'multiplies the price, such as "1.1": at least 1');
  }
  if (numerator > denominator * SURCHARGE_MAX) {
    return fields.problem(
      name,
      `is more than ${SURCHARGE_MAX}; is the decimal point in its place?`,
    );
  }
  return factor;
}

function readRegion(fields: Fields, defaults: RowDefaults): Surcharge | null | undefined {
  if (!fields.has('us_inference')) {
    return readSurcharge(fields, 'region', 'dearer', defaults.region);
  }
  if (fields.has('region')) {
    return fields.problem('us_inference', 'says the same as region; leave one of them out');
  }
  const offered = fields.flag('us_inference');
  if (offered !== true) return offered === undefined ? undefined : null;
  if (defaults.usInference === null) {
    return fields.problem('us_inference', 'needs us_inference at the top of the book: the factor');
  }
  return { ...defaults.usInference, appliesTo: new Set(TOKEN_KINDS) };
}

interface Prices {
  readonly bands: PriceBands;
  readonly explicit: readonly ExplicitRates[];
  readonly upstream: PriceBands | null;
}

function readPrices(fields: Fields, defaults: RowDefaults): Prices | undefined {
  const own: RatesContext = {
    ...defaults,
    markup: null,
    sold: true,
    multipliers: readMultipliers(fields, defaults.multipliers),
  };
  const upstream = readUpstream(fields, { ...own, sold: false });
  const factor = fields.has('markup') ? readMarkup(fields) : defaults.markup;
  const explicit = readExplicit(fields, own);
  const priced = hasRates(fields);
  if (!priced && (factor === null || upstream === null)) {
    const fix = 'give input and output, or upstream and markup, or free: true';
    fields.report(fields.path, `the model has no price; ${fix}`);
    return undefined;
  }
  if (fields.has('markup') && !fields.has('upstream')) {
    fields.problem('markup', 'multiplies what the upstream costs; give upstream');
  }
  if (upstream === undefined || factor === undefined) {
    // What is wrong there is reported; a price made of it would only repeat it.
    if (fields.has('bands') || (fields.has('input') && fields.has('output')))
      readRates(fields, own);
    return undefined;
  }
  const markup = factor === null || upstream === null ? null : { factor, upstream };
  const bands = readRates(fields, { ...own, markup });
  return bands && explicit && { bands, explicit, upstream };
}

/** At least 1: who means to sell below cost writes the prices down. */
export function readMarkup(fields: Fields): Factor | undefined {
  return sensible(fields, 'markup', fields.factor('markup'), 'dearer');
}

function readUpstream(fields: Fields, context: RatesContext): PriceBands | null | undefined {
  if (!fields.has('upstream') || isNothing(fields.raw('upstream'))) return null;
  const inner = Fields.of(fields.raw('upstream'), fields.at('upstream'), fields.report);
  if (inner === undefined) return undefined;
  const bands = readRates(inner, context);
  inner.close();
  return bands;
}

export function readMultipliers(fields: Fields, fallback: CacheMultipliers): CacheMultipliers {
  if (!fields.has('cache_multipliers')) return fallback;
  const value = fields.raw('cache_multipliers');
  const inner = Fields.of(value, fields.at('cache_multipliers'), fields.report);
  if (inner === undefined) return fallback;
  const read = (name: keyof CacheMultipliers, sense: 'dearer' | 'cheaper'): Factor =>
    (inner.has(name) ? sensible(inner, name, inner.factor(name), sense) : fallback[name]) ?? ONE;
  const multipliers: CacheMultipliers = {
    cache_write_5m: read('cache_write_5m', 'dearer'),
    cache_write_1h: read('cache_write_1h', 'dearer'),
    cache_read: read('cache_read', 'cheaper'),
  };
  inner.close();
  return multipliers;
}
