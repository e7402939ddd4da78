import { type PriceBands, TOKEN_KINDS, type TokenKind } from './book.ts';
import { Fields, isNothing, type Unit } from './book-fields.ts';
import type { Path } from './book-problem.ts';

export interface Written {
  readonly unit: Unit;
  /** The file does not say its unit, so an amount next to nothing is a slip. */
  readonly doubtUnit: boolean;
}

/** A band as it was written: what is absent may be derived, what is wrong has been reported. */
export interface WrittenBand {
  readonly fields: Fields;
  readonly above: number;
  /** Null where it was wrong and is reported: nothing more is said about it. */
  readonly rates: ReadonlyMap<TokenKind, bigint | null>;
}

const BAND_TOKENS_MAX = 1_000_000_000;
const BANDS_MAX = 20;

/** Whether anything stands there that rates could be made of. */
export const hasRates = (fields: Fields): boolean =>
  ['bands', 'free', ...TOKEN_KINDS].filter((name) => fields.has(name)).length > 0;

/** Which rates are meant to be 0: `free: true` for all, or a list of their names. */
export function readFree(fields: Fields): ReadonlySet<TokenKind> | undefined {
  if (!fields.has('free')) return new Set();
  const value = fields.raw('free');
  if (!Array.isArray(value)) {
    const all = fields.flag('free');
    return all === undefined ? undefined : new Set(all ? TOKEN_KINDS : []);
  }
  const names = TOKEN_KINDS.filter((name) => value.includes(name));
  if (names.length === value.length && names.length > 0) return new Set(names);
  return fields.problem('free', `true, or a list out of ${TOKEN_KINDS.join(', ')} is expected`);
}

/**
 * Reads `bands`, or the one band that stands in the row itself. Where no price is written and
 * `markedUp` is to be multiplied, the bands are its. Undefined if they cannot be told.
 */
export function writtenBands(
  fields: Fields,
  written: Written,
  markedUp: PriceBands | null,
): WrittenBand[] | undefined {
  const flat = TOKEN_KINDS.filter((name) => fields.has(name));
  if (!fields.has('bands')) {
    if (flat.length === 0 && markedUp !== null) {
      return markedUp.map(({ promptTokensAbove: above }) => ({ fields, above, rates: new Map() }));
    }
    return [{ fields, above: 0, rates: writtenRates(fields, written) }];
  }
  for (const name of flat)
    fields.problem(name, 'prices stand either here or in bands, not in both');
  const list = fields.list('bands');
  if (list === undefined) return undefined;
  if (list.length > BANDS_MAX) return fields.problem('bands', `at most ${BANDS_MAX} are read`);
  const bands: WrittenBand[] = [];
  let whole = true;
  let end: { readonly path: Path; readonly upTo: number } | undefined;
  for (const [index, item] of list.entries()) {
    const band = Fields.of(item, [...fields.at('bands'), index], fields.report);
    const limits = { min: 0, max: BAND_TOKENS_MAX };
    const above = band?.count('prompt_tokens_above', limits);
    whole &&= above !== undefined;
    if (band === undefined || above === undefined) continue;
    if (end !== undefined && end.upTo !== above) {
      const fault = end.upTo < above ? 'a gap' : 'an overlap';
      const message = `${above} does not follow ${end.upTo}, where the band before ends: ${fault}`;
      fields.report(band.at('prompt_tokens_above'), message, end.path);
    }
    end = undefined;
    if (band.has('prompt_tokens_up_to') && !isNothing(band.raw('prompt_tokens_up_to'))) {
      const upTo = band.count('prompt_tokens_up_to', limits);
      if (upTo !== undefined) end = { path: band.at('prompt_tokens_up_to'), upTo };
    }
    bands.push({ fields: band, above, rates: writtenRates(band, written) });
    band.close();
  }
  if (end !== undefined) {
    fields.report(end.path, `nothing is priced above ${end.upTo}: a gap; leave the last end out`);
  }
  return whole ? bands : undefined;
}

function writtenRates(fields: Fields, { unit, doubtUnit }: Written): WrittenBand['rates'] {
  const rates = new Map<TokenKind, bigint | null>();
  for (const name of TOKEN_KINDS) {
    if (fields.has(name)) rates.set(name, fields.amount(name, unit, doubtUnit) ?? null);
  }
  return rates;
}

/** Bands begin at 0 and ascend. */
export function reportDisorder(bands: readonly WrittenBand[]): void {
  let before = -1;
  for (const { fields, above } of bands) {
    if (before === -1 && above !== 0) {
      const message = `prompts of up to ${above} tokens have no price; the first band is above 0`;
      fields.problem('prompt_tokens_above', message);
    }
    if (above <= before) {
      const message = `${above} is not above the ${before} of the band before; bands ascend`;
      fields.problem('prompt_tokens_above', message);
    }
    before = above;
  }
}
