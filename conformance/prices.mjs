import { Fraction } from './fraction.mjs';

const TOKENS = ['input', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'output'];
const NO_NAMES = new Set();
const PER_MILLION = 1_000_000n;
/** Kind, what is counted, the fee of the book, and how many units that fee is for. */
const FEES = [
  ['web_search', 'web_searches', 'web_search', PER_MILLION],
  ['code_execution', 'code_execution_seconds', 'code_execution_hour', 3_600n],
  ['session', 'session_milliseconds', 'session_hour', 3_600_000n],
];

/** Turns the digits of a price book into bigints and its times into milliseconds, once. */
export function readBook(data) {
  const byName = new Map();
  for (const row of data.models) {
    const read = {
      model: row.model,
      names: new Set([row.model, ...row.aliases]),
      contextWindow: row.context_window,
      from: Date.parse(row.from),
      until: row.until === null ? Number.POSITIVE_INFINITY : Date.parse(row.until),
      bands: readBands(row.bands),
      fast: readFactor(row.fast),
      region: readFactor(row.region),
      batch: readFactor(row.batch),
      explicit: row.explicit.map((entry) => ({
        settings: ['speed', 'region', 'tier'].filter((name) => entry[name] !== null),
        speed: entry.speed,
        region: entry.region,
        tier: entry.tier,
        bands: readBands(entry.bands),
      })),
      upstream: row.upstream === null ? null : readBands(row.upstream.bands),
    };
    for (const name of [row.model, ...row.aliases]) {
      if (byName.has(name)) byName.get(name).push(read);
      else byName.set(name, [read]);
    }
  }
  const fees = new Map();
  for (const [kind, , name, per] of FEES) fees.set(kind, { price: BigInt(data.fees[name]), per });
  const { code_execution_minimum_seconds, code_execution_free_hours } = data.fees;
  const freeSeconds = code_execution_free_hours * 3600;
  return { byName, fees, freeSeconds, minimumSeconds: code_execution_minimum_seconds };
}

const readBands = (bands) =>
  bands.map((band) => ({
    above: band.prompt_tokens_above,
    prices: new Map(TOKENS.map((kind) => [kind, BigInt(band[kind])])),
  }));

function readFactor(surcharge) {
  if (surcharge === null) return null;
  const { numerator, denominator } = Fraction.read(surcharge.factor);
  return { numerator, denominator, appliesTo: new Set(surcharge.applies_to) };
}

/** The row of a model, by its name or an alias, at one instant; undefined if it has no price then. */
export function rowAt(book, name, at) {
  return book.byName.get(name)?.find((row) => row.from <= at && at < row.until);
}

/**
 * The discounts of one customer. For each line at most one counts: the one that names the model,
 * else the general one. A fee belongs to no model.
 */
export function readDiscounts(discounts = []) {
  return discounts.map((discount) => ({
    model: discount.model,
    numerator: Fraction.read(discount.factor).numerator,
    denominator: Fraction.read(discount.factor).denominator,
    appliesTo: new Set(discount.applies_to ?? [...TOKENS, ...FEES.map(([kind]) => kind)]),
    from: Date.parse(discount.from),
    until: discount.until === null ? Number.POSITIVE_INFINITY : Date.parse(discount.until),
  }));
}

function discountFor(discounts, names, kind, at) {
  const counting = discounts.filter(
    (discount) => discount.appliesTo.has(kind) && discount.from <= at && at < discount.until,
  );
  return (
    counting.find((discount) => names.has(discount.model)) ??
    counting.find((discount) => discount.model === null)
  );
}

/**
 * What a usage costs. Null if any billed attempt ran on a model, or in a way, that has no price:
 * that is never free and never guessed.
 */
export function price(book, usage, at, discounts) {
  const lines = [];
  let upstream = Fraction.zero;
  for (const attempt of usage.attempts) {
    if (!attempt.billed) continue;
    const row = rowAt(book, attempt.model, at);
    const way = row === undefined ? null : wayOfServing(row, usage);
    if (way === null) return null;
    const prompt =
      attempt.input + attempt.cache_write_5m + attempt.cache_write_1h + attempt.cache_read;
    const band = bandFor(way.bands, prompt);
    // The operator pays by the factors of the settings, whatever rates it publishes itself.
    const upstreamFactors = row.upstream === null ? null : factorsOf(row, usage, []);
    if (upstreamFactors === null) upstream = null;
    for (const kind of TOKENS) {
      if (attempt[kind] === 0) continue;
      const multipliers = way.factors.filter(({ factor }) => factor.appliesTo.has(kind));
      const discount = discountFor(discounts, row.names, kind, at);
      const units = BigInt(attempt[kind]);
      lines.push(
        line(kind, row.model, units, band.prices.get(kind), PER_MILLION, multipliers, discount),
      );
      if (upstream === null) continue;
      const paid = bandFor(row.upstream, prompt).prices.get(kind);
      const reaching = upstreamFactors.filter(({ factor }) => factor.appliesTo.has(kind));
      const cost = line(kind, row.model, units, paid, PER_MILLION, reaching);
      upstream = upstream.plus(cost.amount);
    }
  }
  for (const [kind, measure] of FEES) {
    if (usage[measure] === 0) continue;
    const fee = book.fees.get(kind);
    const discount = discountFor(discounts, NO_NAMES, kind, at);
    const charge = line(kind, null, BigInt(usage[measure]), fee.price, fee.per, [], discount);
    lines.push(charge);
    upstream = upstream === null ? null : upstream.plus(charge.listAmount);
  }
  const exact = lines.reduce((sum, { amount }) => sum.plus(amount), Fraction.zero);
  const list = lines.reduce((sum, { listAmount }) => sum.plus(listAmount), Fraction.zero);
  return {
    lines,
    exact,
    total: exact.roundHalfEven(),
    list: list.roundHalfEven(),
    upstream: upstream === null ? null : upstream.roundHalfEven(),
  };
}

/**
 * The prices and factors of the way a request was served. Prices published for just this way
 * replace the base prices and the factors of the settings they name; other settings still multiply.
 */
function wayOfServing(row, usage) {
  const served = { speed: usage.speed, region: usage.region, tier: usage.tier };
  let explicit = null;
  for (const entry of row.explicit) {
    if (!entry.settings.every((name) => entry[name] === served[name])) continue;
    if (explicit === null || entry.settings.length > explicit.settings.length) explicit = entry;
  }
  const factors = factorsOf(row, usage, explicit === null ? [] : explicit.settings);
  if (factors === null) return null;
  return { bands: explicit === null ? row.bands : explicit.bands, factors };
}

/** The factors of the settings that are not named; null if one of them is not sold. */
function factorsOf(row, usage, named) {
  const factors = [];
  if (usage.speed === 'fast' && !named.includes('speed')) {
    if (row.fast === null) return null;
    factors.push({ name: 'speed', factor: row.fast });
  }
  if (usage.region === 'us' && !named.includes('region') && row.region !== null) {
    factors.push({ name: 'region', factor: row.region });
  }
  if (usage.tier === 'batch' && !named.includes('tier')) {
    if (row.batch === null) return null;
    factors.push({ name: 'batch', factor: row.batch });
  }
  return factors;
}

/** The last band whose threshold the prompt is above; a prompt at the threshold stays below it. */
function bandFor(bands, prompt) {
  let found = bands[0];
  for (const band of bands) if (prompt > band.above) found = band;
  return found;
}

function line(kind, model, units, unitPrice, per, factors, discount) {
  const multipliers = [];
  let listAmount = new Fraction(units * unitPrice, per);
  for (const { name, factor } of factors) {
    multipliers.push([name, factor.numerator, factor.denominator]);
    listAmount = listAmount.times(factor.numerator, factor.denominator);
  }
  let amount = listAmount;
  if (discount !== undefined) {
    multipliers.push(['discount', discount.numerator, discount.denominator]);
    amount = listAmount.times(discount.numerator, discount.denominator);
  }
  return { kind, model, units, unitPrice, per, multipliers, amount, listAmount };
}

/**
 * Container time that is charged: each execution lasts its minimum at least, and loading files alone
 * starts one; then the free hours of the month are used up. Beside a web search or fetch of this
 * version or later, container time is free.
 */
export function chargedSeconds(book, measured) {
  const isFreeBeside = (tool) =>
    /^web_(search|fetch)_\d{8}$/.test(tool) && tool.slice(-8) >= '20260209';
  if (measured.tools.some(isFreeBeside)) return 0;
  const { executions_ms: times, files_preloaded } = measured;
  const runs = times.length === 0 && files_preloaded ? [0] : times;
  const seconds = runs.map((ms) => Math.max(book.minimumSeconds, Math.ceil(ms / 1000)));
  const sum = seconds.reduce((all, one) => all + one, 0);
  return Math.max(0, sum - Math.max(0, book.freeSeconds - measured.free_seconds_used));
}
