import type { Chance } from './chance.ts';
import type { DiscountData } from './prices.mjs';

const TOKENS = ['input', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'output'] as const;
const COMPONENTS = [...TOKENS, 'web_search', 'code_execution', 'session'] as const;
/** Vectors are admitted within these days; rows begin and end among them. */
export const DAYS = 40;
const FIRST_DAY = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

export const MODELS = ['m-one', 'm-two', 'm-three', 'm-four'] as const;
export const NAMES = [...MODELS, 'alias-one', 'alias-three'] as const;

const timeOf = (day: number): string => new Date(FIRST_DAY + day * DAY_MS).toISOString();

/** An instant of the book's days, on a boundary more often than not. */
export function randomInstant(chance: Chance): number {
  const day = FIRST_DAY + chance.below(DAYS) * DAY_MS;
  return chance.is(50) ? day + chance.of([-1, 0, 1]) : day + chance.below(DAY_MS);
}

/** A book in the form of a price book file, with every shape of price the product sells. */
export function randomBook(chance: Chance): object {
  const models = MODELS.flatMap((model, index) => {
    const aliases = index % 2 === 0 ? [model.replace('m-', 'alias-')] : [];
    const cuts = [0, ...days(chance, chance.below(3)), DAYS];
    return cuts.slice(1).flatMap((until, span) => {
      const from = cuts[span] ?? 0;
      // Now and then a gap: a model that is not offered for a while.
      if (until <= from || (span > 0 && chance.is(5))) return [];
      const end = until === DAYS && chance.is(80) ? null : timeOf(until);
      return [randomRow(chance, model, aliases, timeOf(from), end)];
    });
  });
  const fees = {
    web_search: String(chance.between(1, 2_000_000_000) * 10_000),
    code_execution_hour: String(chance.between(1, 100_000_000)),
    code_execution_free_hours: chance.below(10),
    code_execution_minimum_seconds: chance.between(1, 600),
    session_hour: String(chance.between(1, 100_000_000)),
  };
  return { version: 'random', unit: 'nano_usd', fees, models };
}

function randomRow(
  chance: Chance,
  model: string,
  aliases: readonly string[],
  from: string,
  until: string | null,
): object {
  const scale = chance.of([10, 2_000, 1_000_000, 30_000_000, 5_000_000_000]);
  const bands = (): object => randomBands(chance, scale);
  return {
    model,
    aliases,
    display_name: model,
    provider: 'example',
    released_at: timeOf(0),
    context_window: 10_000_000,
    output_tokens_max: 10_000_000,
    from,
    until,
    fast: chance.is(85) ? surcharge(chance, true) : null,
    region: chance.is(75) ? surcharge(chance, true) : null,
    batch: chance.is(85) ? surcharge(chance, false) : null,
    bands: bands(),
    explicit: explicitSettings(chance).map((settings) => ({ ...settings, bands: bands() })),
    upstream: chance.is(40) ? { bands: bands() } : null,
  };
}

/**
 * No price of a band is below the same one of the band before: a book where a longer prompt would
 * cost less in all is refused. Sorted kind by kind, the prices of each band keep their order.
 */
function randomBands(chance: Chance, scale: number): object[] {
  const thresholds = new Set([0]);
  for (let count = chance.below(4); count > 0; count -= 1) {
    thresholds.add(chance.of([10, 1_000, 100_000, 200_000]) + chance.below(3));
  }
  // Now and then all are halves and quarters of a nano-USD per token: sums end in the middle.
  const [step, most] = chance.is(15) ? [250_000, 8] : [1, scale];
  const rates = Array.from(thresholds, () => randomRates(chance, most));
  const ascending = TOKENS.map((name) => rates.map((of) => of[name]).sort((a, b) => a - b));
  return [...thresholds]
    .sort((one, other) => one - other)
    .map((above, index) => {
      const prices = TOKENS.map((name, kind) => {
        const price = ascending[kind]?.[index] ?? 0;
        return [name, String(step * price)];
      });
      return { prompt_tokens_above: above, ...Object.fromEntries(prices) };
    });
}

/** Prices in the order that every published price keeps; a book in another order is refused. */
function randomRates(chance: Chance, most: number): Record<(typeof TOKENS)[number], number> {
  const input = chance.between(1, most);
  const cacheWrite5m = input + chance.below(Math.ceil(input / 2) + 1);
  return {
    input,
    cache_write_5m: cacheWrite5m,
    cache_write_1h: cacheWrite5m + chance.below(input + 1),
    cache_read: chance.between(1, input),
    output: input + chance.below(5 * input + 1),
  };
}

function surcharge(chance: Chance, dearer: boolean): object {
  const base = chance.of([2, 4, 10, 100, 997]);
  const more = chance.below(base);
  const factor = dearer ? `${base + more}/${base}` : `${base - more}/${base}`;
  return { factor, applies_to: chance.is(60) ? TOKENS : someOf(chance, TOKENS) };
}

type Settings = Readonly<Record<'speed' | 'region' | 'tier', string | null>>;

const settingsOf = (fast: boolean, us: boolean, batch: boolean): Settings => ({
  speed: fast ? 'fast' : null,
  region: us ? 'us' : null,
  tier: batch ? 'batch' : null,
});
/** Never two that fit a request equally well. */
const EXPLICIT: readonly [readonly Settings[], ...(readonly Settings[])[]] = [
  [],
  [settingsOf(true, false, false)],
  [settingsOf(false, false, true)],
  [settingsOf(false, true, false), settingsOf(true, true, false)],
  [settingsOf(true, false, false), settingsOf(true, true, true)],
  [
    settingsOf(true, false, false),
    settingsOf(false, true, false),
    settingsOf(true, true, false),
    settingsOf(false, false, true),
    settingsOf(true, false, true),
    settingsOf(false, true, true),
    settingsOf(true, true, true),
  ],
];

const explicitSettings = (chance: Chance): readonly Settings[] =>
  chance.is(50) ? [] : chance.of(EXPLICIT);

/** A contract: none, one for all models, or also some for single models, of various reach. */
export function randomDiscounts(chance: Chance): DiscountData[] {
  if (chance.is(50)) return [];
  const named = MODELS.filter(() => chance.is(30));
  const general = chance.is(70) ? [null] : [];
  return [...general, ...named].map((model) => {
    const under = chance.of([2, 3, 10, 100, 1_009]);
    const [from = 0, until = DAYS] = days(chance, 2);
    return {
      model,
      factor: `${chance.between(1, under)}/${under}`,
      applies_to: chance.is(50) ? null : someOf(chance, COMPONENTS),
      from: timeOf(chance.is(50) ? 0 : from),
      until: chance.is(50) || until <= from ? null : timeOf(until),
    };
  });
}

/** At least one, in their order. */
function someOf<T>(chance: Chance, all: readonly [T, ...T[]]): readonly T[] {
  const some = all.filter(() => chance.is(50));
  return some.length > 0 ? some : [chance.of(all)];
}

const days = (chance: Chance, count: number): number[] =>
  Array.from({ length: count }, () => chance.between(1, DAYS - 1)).sort((a, b) => a - b);
