import type { Command } from 'commander';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import { timeOption } from '#cli/time-option';
import type { Verbs } from '#cli/verbs';
import { formatUsd, nanos } from '#kernel/money';
import {
  type Fees,
  type ModelPrice,
  type PriceBand,
  type PriceBook,
  type Surcharge,
  TOKEN_KINDS,
  type TokenKind,
} from '#pricing/book';

interface At {
  at?: Date;
}

const usd = (price: bigint): string => formatUsd(nanos(price));

const ratesJson = ({ promptTokensAbove, rates }: PriceBand) => ({
  prompt_tokens_above: promptTokensAbove,
  input_usd: usd(rates.input),
  cache_write_5m_usd: usd(rates.cacheWrite5m),
  cache_write_1h_usd: usd(rates.cacheWrite1h),
  cache_read_usd: usd(rates.cacheRead),
  output_usd: usd(rates.output),
});

const factorText = (factor: Surcharge | null): string | null =>
  factor === null ? null : `${factor.numerator}/${factor.denominator}`;

/** Null: there is no factor, or it multiplies all tokens. */
function reachOf(factor: Surcharge | null): TokenKind[] | null {
  if (factor === null) return null;
  const kinds = TOKEN_KINDS.filter((kind) => factor.appliesTo.has(kind));
  return kinds.length === TOKEN_KINDS.length ? null : kinds;
}

const priceJson = (price: ModelPrice) => ({
  model: price.model,
  aliases: [...price.aliases],
  provider: price.provider,
  from: price.from.toISOString(),
  until: price.until?.toISOString() ?? null,
  bands: price.bands.map(ratesJson),
  fast: factorText(price.fast),
  fast_applies_to: reachOf(price.fast),
  region_us: factorText(price.region),
  region_us_applies_to: reachOf(price.region),
  batch: factorText(price.batch),
  batch_applies_to: reachOf(price.batch),
  explicit: price.explicit.map(({ speed, region, tier, bands }) => ({
    ...{ speed, region, tier },
    bands: bands.map(ratesJson),
  })),
  upstream: price.upstream?.map(ratesJson) ?? null,
});

/** Nano-USD per million, as USD per 1,000: exact to the twelfth decimal, which no ledger has. */
function perThousand(price: bigint): string {
  const digits = price.toString().padStart(13, '0');
  const fraction = digits.slice(-12).replace(/0+$/, '');
  return `${digits.slice(0, -12)}${fraction === '' ? '' : `.${fraction}`}`;
}

const feesJson = (fees: Fees) => ({
  web_search_usd_per_1000: perThousand(fees.webSearch),
  code_execution_usd_per_hour: usd(fees.codeExecutionHour),
  code_execution_free_hours: fees.codeExecutionFreeHours,
  code_execution_minimum_seconds: fees.codeExecutionMinimumSeconds,
  session_usd_per_hour: usd(fees.sessionHour),
});

function feesText(fees: Fees): string {
  const { codeExecutionFreeHours: free, codeExecutionMinimumSeconds: least } = fees;
  const limits = `at least ${least} s each; ${free} hours a month free for each organization`;
  return table([
    ['fees, USD'],
    ['web search', `${perThousand(fees.webSearch)} per 1,000`],
    ['code execution', `${usd(fees.codeExecutionHour)} per hour, ${limits}`],
    ['session', `${usd(fees.sessionHour)} per hour`],
  ]);
}

const HEAD = ['per million tokens, USD', 'input', 'write 5m', 'write 1h', 'read', 'output'];

const bandRow = (name: string, { promptTokensAbove, rates }: PriceBand): string[] => [
  promptTokensAbove === 0 ? name : `${name} above ${promptTokensAbove} tokens`,
  ...[rates.input, rates.cacheWrite5m, rates.cacheWrite1h, rates.cacheRead, rates.output].map(usd),
];

async function pricesAt(
  system: System,
  options: At,
): Promise<{ readonly book: PriceBook; readonly at: Date }> {
  const { prices, now } = await system.latestPrices();
  return { book: prices.book, at: options.at ?? now };
}

async function list(system: System, options: At): Promise<Answer> {
  const { book, at } = await pricesAt(system, options);
  const models = book.models(at);
  const rows = models.flatMap((price) => price.bands.map((band) => bandRow(price.model, band)));
  const json = {
    version: book.version,
    at: at.toISOString(),
    fees: feesJson(book.fees),
    data: models.map(priceJson),
  };
  const head = `${book.version} at ${at.toISOString()}`;
  return done(json, [head, table([HEAD, ...rows]), feesText(book.fees)].join('\n'));
}

function bandsText(price: ModelPrice): string {
  const explicit = price.explicit.flatMap(({ speed, region, tier, bands }) => {
    const name = [speed, region, tier].filter((setting) => setting !== null).join(' ');
    return bands.map((band) => bandRow(name, band));
  });
  const upstream = price.upstream?.map((band) => bandRow('upstream', band)) ?? [];
  const standard = price.bands.map((band) => bandRow('standard', band));
  return table([HEAD, ...standard, ...explicit, ...upstream]);
}

function factorRow(name: string, factor: Surcharge | null, without: string): string[] {
  const reach = reachOf(factor);
  const of = reach === null ? '' : ` of ${reach.join(', ')}`;
  return [name, `${factorText(factor) ?? without}${of}`];
}

async function show(system: System, model: string, options: At): Promise<Answer> {
  const { book, at } = await pricesAt(system, options);
  const price = book.priceOf(model, at);
  if (price === undefined) {
    const when = `at ${at.toISOString()}`;
    return failed('model_not_priced', `${model} has no price ${when} in ${book.version}.`);
  }
  const factors = table([
    factorRow('fast', price.fast, 'not sold'),
    factorRow('US inference', price.region, 'no surcharge'),
    factorRow('batch', price.batch, 'not sold'),
  ]);
  const span = `from ${price.from.toISOString()} until ${price.until?.toISOString() ?? 'further'}`;
  const head = `${price.model} ${span}`;
  const json = {
    version: book.version,
    at: at.toISOString(),
    ...priceJson(price),
    fees: feesJson(book.fees),
  };
  return done(json, [head, bandsText(price), factors, feesText(book.fees)].join('\n'));
}

/** What is in the book in force, or was to be paid at another time. */
export function addShowVerbs({ onSystem }: Verbs, price: Command): void {
  price
    .command('list')
    .description('every model on offer and its rates, and the fees')
    .option('--at <time>', 'as of another time', timeOption)
    .action(onSystem(list));
  price
    .command('show <model>')
    .description('everything that decides what one model costs')
    .option('--at <time>', 'as of another time', timeOption)
    .action(onSystem(show));
}
