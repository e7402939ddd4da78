import { divideUp, NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';
import { type BodyScan, isObject, isPresent, scanBody } from './body-scan.ts';
import type { ModelPrice, PriceBook, Rates } from './book.ts';
import { readServerLoop, type ServerLoop } from './server-tools.ts';

export type Bound =
  | {
      readonly outcome: 'bounded';
      readonly amount: NanoUsd;
      /** The model asked for, as the book names it. */
      readonly model: string;
      /** Of one sampling turn, the largest of all models that may answer: for metering's sanity. */
      readonly outputTokensMax: number;
    }
  | { readonly outcome: 'model_not_priced'; readonly model: string }
  | { readonly outcome: 'tool_cost_unbounded'; readonly tool: string }
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
const PER_MILLION = 1_000_000n;

/**
 * The most a Messages request can cost (H1–H3): what is held before it is sent. `body` is the
 * parsed request, `bodyBytes` its length as received, `at` the time of admission.
 */
export function boundHold(book: PriceBook, body: unknown, bodyBytes: number, at: Date): Bound {
  if (!isObject(body)) return invalid('The request body must be a JSON object.');
  const geo = body.inference_geo ?? null;
  if (geo !== null && geo !== 'us' && geo !== 'global') {
    return invalid("inference_geo: Input should be 'us' or 'global'");
  }
  const asked = readAttempt(book, body, null, at);
  if ('outcome' in asked) return asked;
  const fallbacks = readFallbacks(book, body, at);
  if ('outcome' in fallbacks) return fallbacks;
  const scan = scanBody(body, bodyBytes);
  const loop = readServerLoop(body, scan.tools);
  if ('outcome' in loop) return loop;

  const attempts = [asked, ...fallbacks];
  // A workspace may run in the US by default; only an explicit "global" rules the surcharge out.
  const us = geo !== 'global';
  let amount = divideUp(BigInt(loop.webSearchesMax) * book.surcharges.webSearch, PER_MILLION);
  // Every attempt that delivered something is billed, so a chain is bounded by its sum (S5).
  let outputTokensMax = 0;
  for (const attempt of attempts) {
    amount += attemptBound(book, attempt, scan, loop, us);
    outputTokensMax = Math.max(outputTokensMax, attempt.outputTokensMax);
  }
  if (amount > HOLD_NANOS_MAX) return invalid('The request could cost more than can be held.');
  return {
    outcome: 'bounded',
    amount: nanos(amount),
    model: asked.price.model,
    outputTokensMax,
  };
}

const invalid = (message: string): Refusal => ({ outcome: 'invalid_request', message });

/** Reads the asked model, or one entry of `fallbacks` that inherits what it leaves out. */
function readAttempt(
  book: PriceBook,
  body: Readonly<Record<string, unknown>>,
  entry: Readonly<Record<string, unknown>> | null,
  at: Date,
): Attempt | Refusal {
  const { model } = entry ?? body;
  if (!isPresent(model)) return invalid('model: Field required');
  if (typeof model !== 'string') return invalid('model: Input should be a valid string');
  const price = book.priceOf(model, at);
  if (price === undefined) return { outcome: 'model_not_priced', model };
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
  if (speed === 'fast' && price.fast === null) {
    return invalid(`speed: 'fast' is not available for ${model}`);
  }
  return { price, outputTokensMax, fast: speed === 'fast' };
}

function readFallbacks(
  book: PriceBook,
  body: Readonly<Record<string, unknown>>,
  at: Date,
): Attempt[] | Refusal {
  const { fallbacks } = body;
  if (!isPresent(fallbacks)) return [];
  if (!Array.isArray(fallbacks)) {
    // "default" lets the upstream choose: a model nobody named has no bound.
    return invalid('fallbacks: name the fallback models in a list, so that their cost is bounded');
  }
  const attempts: Attempt[] = [];
  for (const entry of fallbacks) {
    if (!isObject(entry)) return invalid('fallbacks: Input should be a list of objects');
    const attempt = readAttempt(book, body, entry, at);
    if ('outcome' in attempt) return attempt;
    attempts.push(attempt);
  }
  return attempts;
}

function attemptBound(
  book: PriceBook,
  attempt: Attempt,
  scan: BodyScan,
  loop: ServerLoop,
  us: boolean,
): bigint {
  const { price, outputTokensMax } = attempt;
  const window = price.contextWindow;
  // The first turn reads the body. Each later one reads what tools brought: up to a whole window.
  const firstInput = scan.unbounded ? window : Math.min(scan.tokensMax, window);
  const laterTurns = loop.turnsMax - 1;
  const turns = [{ input: firstInput, output: outputTokensMax, count: 1 }];
  if (laterTurns > 0) turns.push({ input: window, output: outputTokensMax, count: laterTurns });
  if (loop.compactionsMax > 0) {
    // A summary is a turn of its own, under the model's limit instead of the request's.
    turns.push({ input: window, output: price.outputTokensMax, count: loop.compactionsMax });
  }
  let perMillion = 0n;
  for (const turn of turns) {
    perMillion += BigInt(turn.count) * dearestTurn(price, turn.input, turn.output, scan.caching);
  }
  let denominator = PER_MILLION;
  const factors = [
    attempt.fast ? price.fast : null,
    us && price.usInference ? book.surcharges.usInference : null,
  ];
  for (const factor of factors) {
    if (factor === null) continue;
    perMillion *= factor.numerator;
    denominator *= factor.denominator;
  }
  return divideUp(perMillion, denominator);
}

/** A prompt of at most `input` tokens may end in any band below it; the dearest one counts. */
function dearestTurn(
  price: ModelPrice,
  input: number,
  output: number,
  caching: BodyScan['caching'],
): bigint {
  let dearest = 0n;
  for (const [index, band] of price.bands.entries()) {
    if (index > 0 && input <= band.promptTokensAbove) continue;
    const rate = dearestInput(band.rates, caching);
    const cost = BigInt(input) * rate + BigInt(output) * band.rates.output;
    if (cost > dearest) dearest = cost;
  }
  return dearest;
}

/**
 * A book keeps reads below input and input below writes, so the class is decided by what is asked.
 */
function dearestInput(rates: Rates, caching: BodyScan['caching']): bigint {
  if (caching === '1h') return rates.cacheWrite1h;
  return caching === '5m' ? rates.cacheWrite5m : rates.input;
}
