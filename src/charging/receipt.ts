import type { Db } from '#db/pool';
import type { RequestId } from '#kernel/ids';
import { formatUsd, nanos } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { readHold } from '#ledger/holds';
import { readRequest } from '#metering/requests';
import type { PriceBook } from '#pricing/book';
import { type RatedLine, rate } from '#pricing/rate';

/** The receipt of one request, as the interface promises it. */
export interface Receipt {
  readonly id: string;
  readonly type: 'request_receipt';
  readonly organization_id: string;
  readonly outcome: string;
  readonly model: string;
  readonly hold_usd: string;
  readonly charged_usd: string;
  readonly estimated: boolean;
  readonly client_disconnected: boolean;
  readonly retry_of: null;
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
  /** Per million units. */
  readonly unit_price_usd: string;
  readonly multipliers: readonly string[];
  /** Exact, so it may have more than nine decimals; the rounding is a line of its own. */
  readonly amount_usd: string;
}

export type ReceiptRead =
  | { readonly outcome: 'found'; readonly receipt: Receipt }
  | { readonly outcome: 'not_found' };

/**
 * Explains a charge from what was kept: usage, price version, and the entries it made. Lines are
 * shown for the price version of `book`; an older version is named and its lines left empty rather
 * than explained with other prices.
 */
export async function readReceipt(db: Db, book: PriceBook, id: RequestId): Promise<ReceiptRead> {
  const request = await readRequest(db, id);
  if (request === undefined) return { outcome: 'not_found' };
  const hold = await readHold(db, request.organizationId, id);
  const explained = request.priceVersion === book.version && request.charged > 0n;
  const rated =
    explained && request.usage !== null ? rate(book, request.usage, request.startedAt) : undefined;
  const receipt: Receipt = {
    id,
    type: 'request_receipt',
    organization_id: request.organizationId,
    outcome: request.rule,
    model: request.model,
    hold_usd: formatUsd(hold?.amount ?? nanos(0n)),
    charged_usd: formatUsd(request.charged),
    estimated: request.estimated,
    client_disconnected: request.clientDisconnected,
    retry_of: null,
    usage: request.usage === null ? null : wireUsage(request.usage),
    lines: rated?.outcome === 'rated' ? rated.lines.map(receiptLine) : [],
    grants: (hold?.grants ?? []).map((g) => ({ id: g.id, amount_usd: formatUsd(g.amount) })),
    price_version: request.priceVersion,
    started_at: request.startedAt.toISOString(),
    settled_at: request.settledAt.toISOString(),
  };
  return { outcome: 'found', receipt };
}

const wireUsage = (usage: Usage) => ({
  iterations: usage.iterations.map((turn) => ({
    model: turn.model,
    input_tokens: turn.inputTokens,
    output_tokens: turn.outputTokens,
    cache_read_input_tokens: turn.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: turn.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: turn.cacheWrite1hTokens,
    },
  })),
  server_tool_use: { web_search_requests: usage.webSearches },
  speed: usage.speed,
  inference_geo: usage.inferenceGeo,
  service_tier: usage.serviceTier,
});

const receiptLine = (line: RatedLine): ReceiptLine => ({
  kind: line.kind,
  model: line.model,
  units: line.units.toString(),
  unit_price_usd: formatUsd(nanos(line.unitPriceNanosPerMillion)),
  multipliers: line.multipliers.map((m) => `${m.name} ${m.numerator}/${m.denominator}`),
  amount_usd: exactUsd(line.numerator, line.denominator),
});

/** Denominators are products of 2 and 5 only, so every share ends after a few decimals. */
const DECIMALS_MAX = 40;

/** numerator / denominator nano-USD as a decimal of USD, written out in full. */
export function exactUsd(numerator: bigint, denominator: bigint): string {
  const scale = 10n ** BigInt(DECIMALS_MAX);
  const scaled = (numerator * scale) / (denominator * 1_000_000_000n);
  const size = scaled < 0n ? -scaled : scaled;
  const fraction = (size % scale).toString().padStart(DECIMALS_MAX, '0').replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${size / scale}${fraction === '' ? '' : `.${fraction}`}`;
}
