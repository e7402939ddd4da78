import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { LivePrices } from '#catalog/live';
import type { HoldCommand, HoldOutcome } from '#charging/commands';
import { receiptLine } from '#charging/receipt';
import { checkHeaders, streams } from '#gateway/admit';
import { countInput } from '#gateway/count-input';
import { callerOf, type GuardDeps, guard, sendRefusal } from '#gateway/guard';
import { begin, isTooMuch, STARTS } from '#gateway/hold-rungs';
import { STORE_MS, within } from '#gateway/in-time';
import { type Refused, refused, refusedBound, refusedHold } from '#gateway/refused';
import type { Upstream } from '#gateway/upstream';
import { errorBody, errorCodeOf } from '#http/wire-errors';
import { Fault } from '#kernel/assert';
import { parseId } from '#kernel/ids';
import { isObject } from '#kernel/json';
import { formatUsd, type NanoUsd, nanos } from '#kernel/money';
import { parseStrict } from '#metering/strict-json';
import { type Quote, quote } from '#pricing/quote';
import { slicesOf } from '#pricing/slice';

export interface QuoteDeps extends GuardDeps {
  readonly prices: LivePrices;
  readonly wouldHold: (command: HoldCommand) => Promise<HoldOutcome>;
  readonly upstream: Upstream;
  readonly brand: string | undefined;
  readonly carriedToolUses: number;
  readonly billingUrl: string;
}

/** A hold may have to wait for the book of its organization. */
const HOLD_MS = 3_000;

type Quoted = Extract<Quote, { outcome: 'quoted' }>;

const amount = z.string();
const quoteAnswer = z
  .object({
    type: z.literal('quote'),
    model: z.string(),
    hold_usd: amount.describe('what would be held before the request is sent'),
    most_usd: amount.describe('the most the request can cost'),
    sliced: z.boolean().describe('less than the most is held, and the hold grows with the stream'),
    expected_usd: amount.describe('one turn with a cold cache, by this organization’s prices'),
    expected_list_usd: amount.describe('the same before discounts'),
    input_tokens: z.int(),
    input_tokens_source: z.enum(['counted', 'bound']),
    output_tokens: z.int(),
    lines: z.array(
      z.object({
        kind: z.string(),
        model: z.string().nullable(),
        units: z.string(),
        unit_price_usd: amount,
        per: z.string(),
        multipliers: z.array(z.string()).readonly(),
        amount_usd: amount,
      }),
    ),
    price_version: z.string(),
    available_usd: amount.nullable().describe('null where the refusal says nothing of it'),
    admitted: z.boolean().describe('whether the request would be let through now'),
    least_admitted_usd: amount
      .nullable()
      .describe(
        'of a request refused for credit or a limit: with this much of it free it would be let ' +
          'through; for a stream that may be held for in slices that is less than most_usd',
      ),
    refusal: z
      .object({ type: z.string(), error_code: z.string().nullable(), message: z.string() })
      .nullable(),
  })
  .meta({ id: 'Quote' });
const quoteRequest = z
  .looseObject({
    model: z.string(),
    max_tokens: z.int().nonnegative(),
    messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
    expected_output_tokens: z.int().nonnegative().optional(),
  })
  .meta({ id: 'QuoteRequest' });

/** `POST /v1/quote`: what a Messages request would hold and cost, without sending or holding it. */
export function registerQuote(app: FastifyInstance, deps: QuoteDeps): void {
  app.post('/v1/quote', {
    onRequest: guard(deps),
    schema: {
      summary: 'What a request would hold and cost; free',
      tags: ['Messages'],
      security: [{ apiKey: [] }, { bearer: [] }],
      body: quoteRequest,
      response: { 200: quoteAnswer },
    },
    validatorCompiler: () => (value: unknown) => ({ value }),
    handler: async (request, reply) => {
      const answer = await answerQuote(deps, request);
      if ('outcome' in answer) return sendRefused(deps, request, reply, answer);
      return answer;
    },
  });
}

async function answerQuote(
  deps: QuoteDeps,
  request: FastifyRequest,
): Promise<z.infer<typeof quoteAnswer> | Refused> {
  const caller = callerOf(request);
  const wrong = checkHeaders(caller, request.headers);
  if (wrong !== undefined) return wrong;
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const parsed = parseStrict(bytes);
  if (parsed.outcome === 'invalid') return refused('invalid_request', parsed.message);
  const body = parsed.value;
  const live = await within(deps.prices.latest(), STORE_MS).catch(() => undefined);
  if (live === undefined) return refused('ledger_unavailable');
  const { prices, now: at } = live;
  const terms = prices.termsOf(caller.organizationId);
  const { carriedToolUses: carriedUses } = deps;
  const ask = { body, bodyBytes: bytes.length, at, terms, carriedUses };
  const known = quote(prices.book, ask);
  if (known.outcome !== 'quoted') return refusedBound(known);
  const inputTokens = isObject(body)
    ? await countInput(deps.upstream, request.raw, body)
    : undefined;
  const quoted = inputTokens === undefined ? known : quote(prices.book, { ...ask, inputTokens });
  if (quoted.outcome !== 'quoted') return refusedBound(quoted);
  const { organizationId, apiKeyId, workspaceId } = caller;
  const requestId = parseId('request', request.id);
  if (requestId === undefined) throw new Fault(`odd request id ${request.id}`);
  const begun = await begin(
    {
      start: STARTS[caller.holdPolicy ?? 'auto'][streams(body) ? 'stream' : 'whole'],
      full: quoted.hold,
      slices: () =>
        slicesOf(prices.book, body, quoted.bodyBytes, at, terms, carriedUses, quoted.hold),
    },
    (wanted) => {
      const command = { organizationId, apiKeyId, workspaceId, requestId, amount: wanted };
      return within(deps.wouldHold(command), HOLD_MS);
    },
  ).catch(() => undefined);
  const held = begun?.answer;
  if (begun === undefined || held === undefined || held.outcome === 'ledger_unavailable') {
    return refused('ledger_unavailable');
  }
  if (held.outcome === 'key_revoked' || held.outcome === 'key_expired') {
    deps.door.forget(caller);
    return refused(held.outcome);
  }
  return {
    ...described(quoted, inputTokens === undefined ? 'bound' : 'counted'),
    hold_usd: formatUsd(held.outcome === 'held' ? begun.amount : quoted.hold),
    sliced: held.outcome === 'held' && begun.amount < quoted.hold,
    price_version: prices.book.version,
    available_usd: availableOf(held, begun.amount),
    admitted: held.outcome === 'held',
    least_admitted_usd: isTooMuch(held) ? formatUsd(begun.least) : null,
    refusal: held.outcome === 'held' ? null : refusalOf(deps, request.id, held),
  };
}

/** What there is before the hold: a hold that fits answers what would be left after it. */
function availableOf(held: HoldOutcome, amount: NanoUsd): string | null {
  if (held.outcome === 'held') return formatUsd(nanos(held.available + amount));
  return 'available' in held ? formatUsd(held.available) : null;
}

const described = (quoted: Quoted, source: 'counted' | 'bound') => {
  const [turn] = quoted.expectedUsage.iterations;
  const input =
    turn === undefined ? 0 : turn.inputTokens + turn.cacheWrite5mTokens + turn.cacheWrite1hTokens;
  return {
    type: 'quote' as const,
    model: quoted.model,
    most_usd: formatUsd(quoted.hold),
    expected_usd: formatUsd(quoted.expected),
    expected_list_usd: formatUsd(quoted.expectedAtList),
    input_tokens: input,
    input_tokens_source: source,
    output_tokens: turn?.outputTokens ?? 0,
    lines: quoted.lines.map(receiptLine),
  };
};

function refusalOf(
  deps: QuoteDeps,
  requestId: string,
  held: Exclude<HoldOutcome, { outcome: 'held' }>,
) {
  const { code, message } = refusedHold(held, deps.billingUrl);
  const shown = message === undefined ? {} : { message };
  const { error } = errorBody(code, { ...shown, requestId, brand: deps.brand });
  return { type: error.type, error_code: errorCodeOf(code), message: error.message };
}

function sendRefused(
  deps: QuoteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { code, message, details }: Refused,
): FastifyReply {
  return sendRefusal(request, reply, code, {
    brand: deps.brand,
    ...(message === undefined ? {} : { message }),
    ...(details === undefined ? {} : { details }),
  });
}
