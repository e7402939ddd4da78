import type { Db } from '#db/pool';
import type { RequestId } from '#kernel/ids';
import { formatUsd, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { readHold } from '#ledger/holds';
import { type MeteredRequest, readRequest } from '#metering/requests';
import type { UpstreamAttempt } from '#metering/upstream-attempts';
import type { PriceBook } from '#pricing/book';
import { readLines } from '#pricing/lines';
import { type RatedLine, rate } from '#pricing/rate';
import { lowestTerms } from '#pricing/rate-fraction';

/** The receipt of one request, as the interface promises it. */
export interface Receipt {
  readonly id: string;
  readonly type: 'request_receipt';
  readonly organization_id: string;
  readonly outcome: string;
  readonly model: string;
  readonly hold_usd: string;
  readonly charged_usd: string;
  /** What the lines come to without discounts; null where that is not known any more. */
  readonly list_usd: string | null;
  readonly estimated: boolean;
  readonly client_disconnected: boolean;
  /** True if retries were given the answer of this request, which alone is charged. */
  readonly adopted: boolean;
  /** The request this one repeats; each of the two was charged by itself. */
  readonly retry_of: string | null;
  readonly usage: unknown;
  readonly lines: readonly ReceiptLine[];
  readonly grants: readonly { readonly id: string; readonly amount_usd: string }[];
  readonly price_version: string;
  readonly started_at: string;
  readonly settled_at: string;
}

export interface ReceiptLine {
  readonly kind: string;
  readonly model: string | null;
  readonly units: string;
  /** For `per` units: a million tokens or searches, an hour in seconds or milliseconds. */
  readonly unit_price_usd: string;
  readonly per: string;
  readonly multipliers: readonly string[];
  /** Exact, so it may have more than nine decimals; the rounding is a line of its own. */
  readonly amount_usd: string;
}

export type ReceiptRead =
  | {
      readonly outcome: 'found';
      readonly receipt: Receipt;
      /** For operators: whom they asked for it and at what cost is no customer's business. */
      readonly upstreamAttempts: readonly UpstreamAttempt[];
    }
  | { readonly outcome: 'not_found' };

/**
 * Explains a charge from what was kept: usage, the lines it was priced by, and the entries it made.
 * `book` is for rows of the release before, which kept no lines: they are derived from it if it has
 * the version of the charge, and left empty rather than explained with other prices.
 */
export async function readReceipt(db: Db, book: PriceBook, id: RequestId): Promise<ReceiptRead> {
  const request = await readRequest(db, id);
  if (request === undefined) return { outcome: 'not_found' };
  const hold = await readHold(db, request.organizationId, id);
  const { lines, listAmount } = explained(request, book);
  const receipt: Receipt = {
    id,
    type: 'request_receipt',
    organization_id: request.organizationId,
    outcome: request.rule,
    model: request.model,
    hold_usd: formatUsd(hold?.amount ?? nanos(0n)),
    charged_usd: formatUsd(request.charged),
    list_usd: listAmount === null ? null : formatUsd(listAmount),
    estimated: request.estimated,
    client_disconnected: request.clientDisconnected,
    adopted: request.adopted,
    retry_of: request.retryOf,
    usage: request.usage === null ? null : wireUsage(request.usage),
    lines: [...lines.map(receiptLine), ...notCharged(lines, request.charged)],
    grants: (hold?.grants ?? []).map((g) => ({ id: g.id, amount_usd: formatUsd(g.amount) })),
    price_version: request.priceVersion,
    started_at: request.startedAt.toISOString(),
    settled_at: request.settledAt.toISOString(),
  };
  return { outcome: 'found', receipt, upstreamAttempts: request.upstreamAttempts ?? [] };
}

interface Explanation {
  readonly lines: readonly RatedLine[];
  readonly listAmount: NanoUsd | null;
}

function explained(request: MeteredRequest, book: PriceBook): Explanation {
  const { usage, charged, priceVersion, startedAt } = request;
  const kept = readLines(request.lines);
  if (kept !== undefined) return { lines: kept, listAmount: request.listAmount };
  // What is not charged has nothing to explain, though its usage may be known.
  if (charged === ZERO) return { lines: [], listAmount: ZERO };
  if (usage === null || priceVersion !== book.version) return { lines: [], listAmount: null };
  const rated = rate(book, usage, startedAt);
  return rated.outcome === 'rated' ? rated : { lines: [], listAmount: null };
}

/**
 * What the lines come to above the charge: beyond the hold and what else there was (S13), or beyond
 * the hold of an estimate (S11). A line of its own, so that the lines of any receipt add up.
 */
function notCharged(lines: readonly RatedLine[], charged: NanoUsd): ReceiptLine[] {
  let sum = { numerator: 0n, denominator: 1n };
  for (const { numerator, denominator } of lines) {
    const over = sum.numerator * denominator + numerator * sum.denominator;
    sum = lowestTerms(over, sum.denominator * denominator);
  }
  const rest = charged * sum.denominator - sum.numerator;
  if (rest >= 0n) return [];
  const amount_usd = exactUsd(rest, sum.denominator);
  const nothing = { model: null, units: '0', unit_price_usd: '0', per: '1', multipliers: [] };
  return [{ kind: 'not_charged', ...nothing, amount_usd }];
}

const wireUsage = (usage: Usage) => ({
  iterations: usage.iterations.map((turn) => ({
    kind: turn.kind,
    model: turn.model,
    billed: turn.billed,
    input_tokens: turn.inputTokens,
    output_tokens: turn.outputTokens,
    cache_read_input_tokens: turn.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: turn.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: turn.cacheWrite1hTokens,
    },
  })),
  server_tool_use: { web_search_requests: usage.webSearches },
  code_execution_seconds: usage.codeExecutionSeconds,
  session_milliseconds: usage.sessionMilliseconds,
  speed: usage.speed,
  inference_geo: usage.inferenceGeo,
  service_tier: usage.serviceTier,
  ...(usage.unknown === undefined ? {} : { unknown: usage.unknown }),
});

/** A line of a charge, or of a quote for one. */
export const receiptLine = (line: RatedLine): ReceiptLine => ({
  kind: line.kind,
  model: line.model,
  units: line.units.toString(),
  unit_price_usd: formatUsd(nanos(line.unitPriceNanos)),
  per: line.per.toString(),
  multipliers: line.multipliers.map((m) => `${m.name} ${m.numerator}/${m.denominator}`),
  amount_usd: exactUsd(line.numerator, line.denominator),
});

/** Prices per million end within these; a price by the hour or a discount by thirds may never end. */
const DECIMALS_MAX = 40;

/** numerator / denominator nano-USD as a decimal of USD: written out in full where it ends. */
export function exactUsd(numerator: bigint, denominator: bigint): string {
  const scale = 10n ** BigInt(DECIMALS_MAX);
  const scaled = (numerator * scale) / (denominator * 1_000_000_000n);
  const size = scaled < 0n ? -scaled : scaled;
  const fraction = (size % scale).toString().padStart(DECIMALS_MAX, '0').replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${size / scale}${fraction === '' ? '' : `.${fraction}`}`;
}
