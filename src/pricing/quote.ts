import { isObject } from '#kernel/json';
import type { NanoUsd } from '#kernel/money';
import type { ModelUsage, Usage } from '#kernel/usage';
import { isPresent } from './body-scan.ts';
import type { PriceBook, Terms } from './book.ts';
import { type Bound, boundHold } from './bound.ts';
import { type RatedLine, rate } from './rate.ts';
import { LIST_PRICES } from './rate-tables.ts';

export type Quote =
  | {
      readonly outcome: 'quoted';
      readonly model: string;
      /** The most the request can cost: what it holds whole. Never less than the expected amount. */
      readonly hold: NanoUsd;
      /** Of the request as it will be sent. */
      readonly bodyBytes: number;
      readonly expectedUsage: Usage;
      readonly expected: NanoUsd;
      /** The expected amount before the organization's discounts. */
      readonly expectedAtList: NanoUsd;
      readonly lines: readonly RatedLine[];
    }
  | Exclude<Bound, { outcome: 'bounded' }>;

/** A body of a Messages request, which may also say how much output to expect. */
export interface QuoteRequest {
  readonly body: unknown;
  readonly bodyBytes: number;
  readonly at: Date;
  readonly terms?: Terms;
  /** As of `boundHold`. */
  readonly carriedUses?: number;
  /** From a token count. Undefined: as many as the body can become. */
  readonly inputTokens?: number | undefined;
}

/**
 * What a request will hold and what it can be expected to cost, without sending it. Expected is one
 * turn, served as asked, with an empty cache: where the body asks for caching, its prompt is
 * written at the longest lifetime asked for. Server tools are in the hold, not in the expectation.
 */
export function quote(book: PriceBook, request: QuoteRequest): Quote {
  const { body, at, terms = LIST_PRICES, carriedUses } = request;
  const fields = isObject(body) ? body : {};
  const ownBytes = bytesOfExpectation(fields.expected_output_tokens);
  const bodyBytes = request.bodyBytes - ownBytes;
  const bound = boundHold(book, body, bodyBytes, at, terms, carriedUses);
  if (bound.outcome !== 'bounded') return bound;
  const { max_tokens: maxTokens } = fields;
  const output = fields.expected_output_tokens ?? maxTokens;
  if (!isCount(output) || !isCount(maxTokens) || output > maxTokens) {
    const message =
      'expected_output_tokens: Input should be a whole number from 0 to max_tokens ' +
      `(${String(maxTokens)})`;
    return { outcome: 'invalid_request', message };
  }
  // A count is an estimate; what the body proves is not exceeded.
  const input = Math.min(request.inputTokens ?? bound.inputTokensMax, bound.inputTokensMax);
  const expectedUsage: Usage = {
    iterations: [expectedTurn(bound.model, input, output, bound.caching)],
    webSearches: 0,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: fields.speed === 'fast' ? 'fast' : 'standard',
    inferenceGeo: fields.inference_geo === 'us' ? 'us' : 'global',
    serviceTier: 'standard',
  };
  const rated = rate(book, expectedUsage, at, terms);
  if (rated.outcome === 'model_not_priced') {
    return { outcome: 'model_not_priced', model: rated.model };
  }
  if (rated.outcome !== 'rated') return { outcome: 'invalid_request', message: rated.reason };
  return {
    outcome: 'quoted',
    model: bound.model,
    hold: bound.amount,
    bodyBytes,
    expectedUsage,
    expected: rated.amount,
    expectedAtList: rated.listAmount,
    lines: rated.lines,
  };
}

function expectedTurn(
  model: string,
  input: number,
  outputTokens: number,
  caching: 'none' | '5m' | '1h',
): ModelUsage {
  return {
    model,
    kind: 'message',
    billed: true,
    inputTokens: caching === 'none' ? input : 0,
    cacheWrite5mTokens: caching === '5m' ? input : 0,
    cacheWrite1hTokens: caching === '1h' ? input : 0,
    cacheReadTokens: 0,
    outputTokens,
  };
}

/**
 * The field is not part of the request that will be sent, so its bytes are no input: at least the
 * name, its quotes, a colon, a comma and the digits.
 */
function bytesOfExpectation(expected: unknown): number {
  if (!isPresent(expected)) return 0;
  return '"expected_output_tokens":,'.length + String(expected).length;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
