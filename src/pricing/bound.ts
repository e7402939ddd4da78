import { isObject } from '#kernel/json';
import { divideUp, NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';
import { type BodyScan, isPresent, scanBody } from './body-scan.ts';
import type { ModelPrice, PriceBook, Terms } from './book.ts';
import type { Settings, Tariff } from './rate-plan.ts';
import { LIST_PRICES, type RateTables, rateTables } from './rate-tables.ts';
import { type AdvisorUse, type Missing, readServerLoop, type ServerLoop } from './server-tools.ts';

export type Bound =
  | {
      readonly outcome: 'bounded';
      readonly amount: NanoUsd;
      /** The model asked for, as the book names it. */
      readonly model: string;
      /** Of one sampling turn, the largest of all models that may answer: for metering's sanity. */
      readonly outputTokensMax: number;
      /** Of the asked model's first turn: what the body proves, or a whole context window. */
      readonly inputTokensMax: number;
      /** The longest-lived cache write that the body asks for. */
      readonly caching: BodyScan['caching'];
    }
  | { readonly outcome: 'model_not_priced'; readonly model: string }
  | { readonly outcome: 'tool_cost_unbounded'; readonly tool: string; readonly missing: Missing }
  | { readonly outcome: 'invalid_request'; readonly message: string };

type Refusal = Exclude<Bound, { outcome: 'bounded' }>;

/** One model that may answer, and all it may bill. */
interface Attempt {
  readonly price: ModelPrice;
  readonly outputTokensMax: number;
  readonly fast: boolean;
}

/** A million dollars for one request is a broken or hostile body; sums of holds stay in 64 bits. */
const HOLD_NANOS_MAX = 1_000_000n * NANOS_PER_USD;

/**
 * The most a Messages request can cost (H1–H3): what is held before it is sent. `body` is the
 * parsed request, `bodyBytes` its length as received, `at` the time of admission, `terms` the
 * organization's discounts: never below `rate` of any usage that the request allows. With
 * `carriedUses` above 0 server tools without a bound are let through and held as that many uses (H2).
 * An item of a message batch is bounded at `tier` "batch" (S18).
 */
export function boundHold(
  book: PriceBook,
  body: unknown,
  bodyBytes: number,
  at: Date,
  terms: Terms = LIST_PRICES,
  carriedUses = 0,
  tier: Settings['serviceTier'] = 'standard',
): Bound {
  const reach = readReach(book, body, bodyBytes, at, terms, carriedUses, tier);
  if ('outcome' in reach) return reach;
  const { attempts, scan } = reach;
  const amount = mostOf(reach);
  if (amount > HOLD_NANOS_MAX) return invalid('The request could cost more than can be held.');
  return {
    outcome: 'bounded',
    amount: nanos(amount),
    model: reach.asked.price.model,
    outputTokensMax: Math.max(...attempts.map((attempt) => attempt.outputTokensMax)),
    inputTokensMax: firstInput(reach.asked.price, scan),
    caching: scan.caching,
  };
}

/** All that the cost of a request depends on. */
export interface Reach {
  readonly asked: Attempt;
  /** Those of the fallbacks too. */
  readonly attempts: readonly Attempt[];
  readonly scan: BodyScan;
  readonly loop: ServerLoop;
  readonly settings: readonly Settings[];
  readonly tables: RateTables;
  readonly at: Date;
}

/** Reads a request as `boundHold` does, or says why its cost has no bound. */
export function readReach(
  book: PriceBook,
  body: unknown,
  bodyBytes: number,
  at: Date,
  terms: Terms,
  carriedUses: number,
  tier: Settings['serviceTier'] = 'standard',
): Reach | Refusal {
  if (!isObject(body)) return invalid('The request body must be a JSON object.');
  const geo = body.inference_geo ?? null;
  if (geo !== null && geo !== 'us' && geo !== 'global') {
    return invalid("inference_geo: Input should be 'us' or 'global'");
  }
  if (typeof (body.stream ?? false) !== 'boolean') {
    return invalid('stream: Input should be a valid boolean');
  }
  const tables = rateTables(book, terms);
  const known = { book, tables, at, tier };
  const asked = readAttempt(known, body, null);
  if ('outcome' in asked) return asked;
  const fallbacks = readFallbacks(known, body);
  if ('outcome' in fallbacks) return fallbacks;
  const scan = scanBody(body, bodyBytes);
  const loop = readServerLoop(body, scan.tools, carriedUses);
  if ('outcome' in loop) return loop;
  for (const { model } of loop.advisors) {
    if (book.priceOf(model, at) === undefined) return notPriced(model);
    if (!soldAt(known, model)) return invalid(notSold(model));
  }
  const attempts = [asked, ...fallbacks];
  return { asked, attempts, scan, loop, settings: reachable(attempts, geo, tier), tables, at };
}

/** The most a request can cost in nano-USD, if no turn of an answer has more output than that. */
export function mostOf(reach: Reach, outputTokensMax = Number.POSITIVE_INFINITY): bigint {
  const { tables, scan, loop, at } = reach;
  const attempts = reach.attempts.map((attempt) =>
    attempt.outputTokensMax <= outputTokensMax ? attempt : { ...attempt, outputTokensMax },
  );
  let amount = 0n;
  for (const settings of reach.settings) {
    const cost = costUnder(settings, tables, attempts, scan, loop, at);
    if (cost > amount) amount = cost;
  }
  const search = tables.fee('web_search', at);
  return amount + divideUp(BigInt(loop.webSearchesMax) * search.charged, search.tariffDenominator);
}

/** The most that one token of an answer can cost, as an exact fraction of nano-USD. */
export function dearestOutput(reach: Reach): {
  readonly numerator: bigint;
  readonly denominator: bigint;
} {
  let most = { numerator: 0n, denominator: 1n };
  for (const settings of reach.settings) {
    for (const { price, outputTokensMax } of reach.attempts) {
      const plan = reach.tables.plan(price.model, settings, reach.at)?.plan;
      if (plan?.outcome !== 'priced') continue;
      const turns = turnsOf(price, outputTokensMax, reach.scan, reach.loop);
      const longest = Math.max(...turns.map((turn) => turn.reach));
      for (const [index, { above, output, denominator }] of plan.tariffs.entries()) {
        if (index > 0 && longest <= above) continue;
        if (output.charged * most.denominator > most.numerator * denominator) {
          most = { numerator: output.charged, denominator };
        }
      }
    }
  }
  return most;
}

const invalid = (message: string): Refusal => ({ outcome: 'invalid_request', message });

const notPriced = (model: string): Refusal => ({ outcome: 'model_not_priced', model });

/**
 * The ways of serving that the request can reach. They need not be the ones asked for (S15): fast
 * may be served as standard, and a workspace may run in the US by default, so only an explicit
 * "global" rules the surcharge out. The speed is one for the whole answer, whichever attempt asked
 * for it. What no request can reach is not held for: `fast` served though nobody asked, the US in
 * spite of "global". Holding for it would double every hold of a model that sells fast mode to
 * cover an upstream's mistake; such a charge is an overrun (S13), taken from what is available,
 * the rest borne by the operator, with an alarm. A message is never served as a batch, and an item
 * of a batch is charged as one whatever it says.
 */
function reachable(
  attempts: readonly Attempt[],
  geo: 'us' | 'global' | null,
  serviceTier: Settings['serviceTier'],
): Settings[] {
  const speeds = attempts.some(({ fast }) => fast)
    ? (['standard', 'fast'] as const)
    : (['standard'] as const);
  const regions = geo === 'global' ? (['global'] as const) : (['global', 'us'] as const);
  return speeds.flatMap((speed) =>
    regions.map((inferenceGeo) => ({ speed, inferenceGeo, serviceTier })),
  );
}

interface At {
  readonly book: PriceBook;
  readonly tables: RateTables;
  readonly at: Date;
  readonly tier: Settings['serviceTier'];
}

/** A model may have a price and yet none for message batches. */
const soldAt = ({ tables, at, tier: serviceTier }: At, model: string): boolean =>
  serviceTier === 'standard' ||
  tables.plan(model, { speed: 'standard', inferenceGeo: 'global', serviceTier }, at)?.plan
    .outcome === 'priced';

const notSold = (model: string): string => `model: ${model} is not available in message batches`;

/** Reads the asked model, or one entry of `fallbacks` that inherits what it leaves out. */
function readAttempt(
  known: At,
  body: Readonly<Record<string, unknown>>,
  entry: Readonly<Record<string, unknown>> | null,
): Attempt | Refusal {
  const { book, tables, at, tier: serviceTier } = known;
  const { model } = entry ?? body;
  if (!isPresent(model)) return invalid('model: Field required');
  if (typeof model !== 'string') return invalid('model: Input should be a valid string');
  const price = book.priceOf(model, at);
  if (price === undefined) return notPriced(model);
  if (!soldAt(known, model)) return invalid(notSold(model));
  const outputTokensMax = entry?.max_tokens ?? body.max_tokens;
  if (!isPresent(outputTokensMax)) return invalid('max_tokens: Field required');
  if (typeof outputTokensMax !== 'number' || !Number.isSafeInteger(outputTokensMax)) {
    return invalid('max_tokens: Input should be a valid integer');
  }
  if (outputTokensMax < 0) {
    return invalid('max_tokens: Input should be greater than or equal to 0');
  }
  if (outputTokensMax > price.outputTokensMax) {
    return invalid(
      `max_tokens: ${outputTokensMax} > ${price.outputTokensMax}, which is the maximum allowed ` +
        `number of output tokens for ${model}`,
    );
  }
  const speed = entry === null || entry.speed === undefined ? body.speed : entry.speed;
  if (isPresent(speed) && speed !== 'standard' && speed !== 'fast') {
    return invalid("speed: Input should be 'standard' or 'fast'");
  }
  if (speed !== 'fast') return { price, outputTokensMax, fast: false };
  const settings = { speed, inferenceGeo: 'global', serviceTier } as const;
  if (tables.plan(model, settings, at)?.plan.outcome !== 'priced') {
    return invalid(`speed: 'fast' is not available for ${model}`);
  }
  return { price, outputTokensMax, fast: true };
}

function readFallbacks(known: At, body: Readonly<Record<string, unknown>>): Attempt[] | Refusal {
  const { fallbacks } = body;
  if (!isPresent(fallbacks)) return [];
  if (!Array.isArray(fallbacks)) {
    // "default" lets the upstream choose: a model nobody named has no bound.
    return invalid('fallbacks: name the fallback models in a list, so that their cost is bounded');
  }
  const attempts: Attempt[] = [];
  for (const entry of fallbacks) {
    if (!isObject(entry)) return invalid('fallbacks: Input should be a list of objects');
    const attempt = readAttempt(known, body, entry);
    if ('outcome' in attempt) return attempt;
    attempts.push(attempt);
  }
  return attempts;
}

/**
 * Every attempt that delivered something is billed, so a chain is bounded by its sum (S5). What
 * has no price under these settings cannot be part of a charge under them.
 */
function costUnder(
  settings: Settings,
  tables: RateTables,
  attempts: readonly Attempt[],
  scan: BodyScan,
  loop: ServerLoop,
  at: Date,
): bigint {
  let cost = 0n;
  for (const { price, outputTokensMax } of attempts) {
    const plan = tables.plan(price.model, settings, at)?.plan;
    if (plan?.outcome !== 'priced') continue;
    for (const turns of turnsOf(price, outputTokensMax, scan, loop)) {
      cost += dearest(plan.tariffs, turns, scan.caching);
    }
  }
  for (const advisor of loop.advisors) {
    const found = tables.plan(advisor.model, settings, at);
    if (found?.plan.outcome !== 'priced') continue;
    cost += dearest(found.plan.tariffs, adviceOf(found.price, advisor), scan.caching);
  }
  return cost;
}

/** Sampling turns alike. `reach` is the longest prompt that may decide their tariff. */
interface Turns {
  readonly count: number;
  readonly input: number;
  readonly output: number;
  readonly reach: number;
}

function turnsOf(price: ModelPrice, output: number, scan: BodyScan, loop: ServerLoop): Turns[] {
  const window = price.contextWindow;
  // The first turn reads the body. Each later one reads what tools brought: up to a whole window.
  const input = firstInput(price, scan);
  const later = loop.turnsMax - 1;
  // An answer may report all its turns as one, and their sum then decides the tariff of all.
  const reach = input + later * window;
  const turns = [{ count: 1, input, output, reach }];
  if (later > 0) turns.push({ count: later, input: window, output, reach });
  if (loop.compactionsMax > 0) {
    // A summary is a turn of its own, under the model's limit instead of the request's.
    const summary = { input: window, output: price.outputTokensMax, reach: window };
    turns.push({ count: loop.compactionsMax, ...summary });
  }
  return turns;
}

/** Each advice is a turn of the adviser's own model, with an output limit of its own. */
function adviceOf(price: ModelPrice, advisor: AdvisorUse): Turns {
  const { contextWindow: window } = price;
  const output = Math.min(advisor.outputTokensMax, price.outputTokensMax);
  return { count: advisor.usesMax, input: window, output, reach: window };
}

const firstInput = (price: ModelPrice, scan: BodyScan): number =>
  scan.unbounded ? price.contextWindow : Math.min(scan.tokensMax, price.contextWindow);

/** A prompt may end in any band it reaches; the dearest one counts. */
function dearest(
  tariffs: readonly [Tariff, ...Tariff[]],
  { count, input, output, reach }: Turns,
  caching: BodyScan['caching'],
): bigint {
  let most = 0n;
  for (const [index, tariff] of tariffs.entries()) {
    if (index > 0 && reach <= tariff.above) continue;
    const turn =
      BigInt(input) * dearestInput(tariff, caching) + BigInt(output) * tariff.output.charged;
    const cost = divideUp(BigInt(count) * turn, tariff.denominator);
    if (cost > most) most = cost;
  }
  return most;
}

/**
 * Of the classes the request can reach. A book keeps reads below input and input below writes, but
 * a discount on one class alone may turn that around.
 */
function dearestInput(tariff: Tariff, caching: BodyScan['caching']): bigint {
  const classes = [tariff.input, tariff.cacheRead];
  if (caching !== 'none') classes.push(tariff.cacheWrite5m);
  if (caching === '1h') classes.push(tariff.cacheWrite1h);
  return classes.reduce((most, { charged }) => (charged > most ? charged : most), 0n);
}
