import { z } from 'zod';

/** Nano-USD per million tokens: the unit of every price (money rule 1). */
export interface Rates {
  readonly input: bigint;
  readonly cacheWrite5m: bigint;
  readonly cacheWrite1h: bigint;
  readonly cacheRead: bigint;
  readonly output: bigint;
}

/** An exact factor on a price, e.g. 11/10. Fractions, because 1.1 is not a binary number. */
export interface Factor {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Rates of every token of a request whose prompt is longer than the threshold. */
export interface PriceBand {
  readonly promptTokensAbove: number;
  readonly rates: Rates;
}

/** One model's price over one span of time, `from` inclusive, `until` exclusive. */
export interface ModelPrice {
  readonly model: string;
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly releasedAt: Date;
  readonly contextWindow: number;
  readonly outputTokensMax: number;
  readonly from: Date;
  readonly until: Date | null;
  /** Whether US-only inference can be asked for, and then costs the book's `usInference` factor. */
  readonly usInference: boolean;
  /** Null where fast mode does not exist or its price is not known: then it is refused. */
  readonly fast: Factor | null;
  /** Ascending thresholds, the first at 0. */
  readonly bands: readonly [PriceBand, ...PriceBand[]];
}

/** What is priced for all models alike. */
export interface Surcharges {
  /** Nano-USD per million searches. */
  readonly webSearch: bigint;
  readonly usInference: Factor;
  readonly batch: Factor;
}

export interface PriceBook {
  readonly version: string;
  readonly surcharges: Surcharges;
  /** Resolves aliases. Undefined before release, after retirement and for names not in the book. */
  priceOf(model: string, at: Date): ModelPrice | undefined;
  /** Every model offered at that time, in the order of the book. */
  models(at: Date): readonly ModelPrice[];
}

export type LoadedBook =
  | { readonly outcome: 'loaded'; readonly book: PriceBook }
  | { readonly outcome: 'invalid'; readonly problems: string[] };

const digits = z.string().regex(/^\d{1,18}$/, 'expected whole nano-USD in digits');
/** JSON has no bigint: amounts come as digits, or as numbers where those are exact. */
const price = z
  .union([z.bigint(), z.int(), digits])
  .transform((value) => BigInt(value))
  .refine((value) => value > 0n, 'a price must be above 0');
const time = z.iso.datetime().transform((text) => new Date(text));
const count = z.int().positive();
const factor = z.tuple([count, count]).transform(([numerator, denominator]) => ({
  numerator: BigInt(numerator),
  denominator: BigInt(denominator),
}));
const band = z.object({
  prompt_tokens_above: z.int().nonnegative(),
  input: price,
  cache_write_5m: price,
  cache_write_1h: price,
  cache_read: price,
  output: price,
});
const row = z.object({
  model: z.string().min(1),
  aliases: z.array(z.string().min(1)),
  display_name: z.string().min(1),
  released_at: time,
  context_window: count,
  output_tokens_max: count,
  from: time,
  until: time.nullable(),
  us_inference: z.boolean(),
  fast: factor.nullable(),
  bands: z.array(band).min(1),
});
const head = z.object({
  version: z.string().min(1),
  web_search: price,
  us_inference: factor,
  batch: factor,
  rows: z.array(z.unknown()).min(1),
});

/** Reads a price book from data. Every problem of every row is reported at once, with its row. */
export function loadPriceBook(data: unknown): LoadedBook {
  const parsedHead = head.safeParse(data);
  if (!parsedHead.success)
    return { outcome: 'invalid', problems: issues('book', parsedHead.error) };
  const { version, web_search, us_inference, batch, rows } = parsedHead.data;
  const problems: string[] = [];
  if (us_inference.numerator < us_inference.denominator) {
    problems.push('book: us_inference must not be a discount');
  }
  if (batch.numerator > batch.denominator) problems.push('book: batch must not be a surcharge');
  const prices: ModelPrice[] = [];
  for (const [index, raw] of rows.entries()) {
    const name = rowName(raw, index);
    const parsed = row.safeParse(raw);
    if (!parsed.success) {
      problems.push(...issues(name, parsed.error));
      continue;
    }
    const modelPrice = toModelPrice(parsed.data);
    problems.push(...implausibilities(modelPrice).map((problem) => `${name}: ${problem}`));
    prices.push(modelPrice);
  }
  problems.push(...overlaps(prices));
  if (problems.length > 0) return { outcome: 'invalid', problems };
  const surcharges = { webSearch: web_search, usInference: us_inference, batch };
  return { outcome: 'loaded', book: bookOf(version, surcharges, prices) };
}

function bookOf(version: string, surcharges: Surcharges, prices: readonly ModelPrice[]): PriceBook {
  const byName = new Map<string, ModelPrice[]>();
  for (const entry of prices) {
    for (const name of namesOf(entry)) {
      const spans = byName.get(name);
      if (spans === undefined) byName.set(name, [entry]);
      else spans.push(entry);
    }
  }
  return {
    version,
    surcharges,
    priceOf: (model, at) => byName.get(model)?.find((entry) => inForce(entry, at)),
    models: (at) => prices.filter((entry) => inForce(entry, at)),
  };
}

const inForce = (entry: ModelPrice, at: Date): boolean =>
  entry.from <= at && (entry.until === null || at < entry.until);

const namesOf = (entry: ModelPrice): string[] => [...new Set([entry.model, ...entry.aliases])];

function toModelPrice(parsed: z.infer<typeof row>): ModelPrice {
  const [first, ...rest] = parsed.bands.map((entry) => ({
    promptTokensAbove: entry.prompt_tokens_above,
    rates: {
      input: entry.input,
      cacheWrite5m: entry.cache_write_5m,
      cacheWrite1h: entry.cache_write_1h,
      cacheRead: entry.cache_read,
      output: entry.output,
    },
  }));
  if (first === undefined) throw new RangeError('a row without bands passed its schema');
  return {
    model: parsed.model,
    aliases: parsed.aliases,
    displayName: parsed.display_name,
    releasedAt: parsed.released_at,
    contextWindow: parsed.context_window,
    outputTokensMax: parsed.output_tokens_max,
    from: parsed.from,
    until: parsed.until,
    usInference: parsed.us_inference,
    fast: parsed.fast,
    bands: [first, ...rest],
  };
}

/** The order every published price keeps; a swapped column shows here (threat T55). */
function implausibilities(entry: ModelPrice): string[] {
  const problems: string[] = [];
  if (entry.until !== null && entry.until <= entry.from) problems.push('until must be after from');
  if (entry.fast !== null && entry.fast.numerator < entry.fast.denominator) {
    problems.push('fast must not be a discount');
  }
  let above = -1;
  for (const { promptTokensAbove, rates } of entry.bands) {
    const where = `band above ${promptTokensAbove}`;
    if (above < 0 && promptTokensAbove !== 0) problems.push('the first band must start at 0');
    if (promptTokensAbove <= above) problems.push(`${where}: bands must ascend`);
    if (rates.cacheRead > rates.input) problems.push(`${where}: cache_read is above input`);
    if (rates.input > rates.cacheWrite5m) problems.push(`${where}: input is above cache_write_5m`);
    if (rates.cacheWrite5m > rates.cacheWrite1h) {
      problems.push(`${where}: cache_write_5m is above cache_write_1h`);
    }
    if (rates.input > rates.output) problems.push(`${where}: input is above output`);
    above = promptTokensAbove;
  }
  return problems;
}

function overlaps(prices: readonly ModelPrice[]): string[] {
  const problems: string[] = [];
  for (const [index, one] of prices.entries()) {
    for (const other of prices.slice(index + 1)) {
      const name = namesOf(one).find((candidate) => namesOf(other).includes(candidate));
      if (name === undefined) continue;
      const meets =
        (other.until === null || one.from < other.until) &&
        (one.until === null || other.from < one.until);
      if (!meets) continue;
      const [first, second] = [one, other].map((entry) => entry.from.toISOString());
      problems.push(`${name}: the rows from ${first} and from ${second} overlap`);
    }
  }
  return problems;
}

function rowName(raw: unknown, index: number): string {
  const known: Record<string, unknown> = typeof raw === 'object' && raw !== null ? { ...raw } : {};
  return `row ${index + 1} (${String(known.model ?? '?')} from ${String(known.from ?? '?')})`;
}

const issues = (name: string, error: z.ZodError): string[] =>
  error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`);
