import { z } from 'zod';
import { type NanoUsd, nanos } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { packAttempts, readAttempts, type UpstreamAttempt } from './upstream-attempts.ts';

/** What a request used, and how that was priced at the time. */
export interface PricedUsage {
  readonly usage: Usage | null;
  /**
   * The lines of the charge, packed by pricing into what JSON keeps as it is; opaque here. Null
   * where nothing was charged.
   */
  readonly lines: object | null;
  /** What the charge would have been without discounts; null where nothing was charged. */
  readonly listAmount: NanoUsd | null;
  /** What the operator pays its upstream for the usage; null where that is not known. */
  readonly upstreamCost: NanoUsd | null;
  /** Who was asked for the answer, in order. Absent where that was not kept. */
  readonly upstreamAttempts?: readonly UpstreamAttempt[] | undefined;
}

/** How a request and others of its client are one and the same question. */
export interface Repetition {
  /** Retries were given this request's answer instead of one of their own. */
  readonly adopted?: boolean;
  /** The request this one repeats, though each was executed and charged. */
  readonly retryOf?: string | null;
}

const count = z.int().nonnegative();

/** Rows and journals of the release before know neither kinds of attempts nor fees by time. */
export const usageSchema: z.ZodType<Usage> = z
  .object({
    iterations: z.array(
      z.object({
        model: z.string(),
        kind: z
          .enum(['message', 'fallback_message', 'compaction', 'advisor_message', 'other'])
          .default('message'),
        billed: z.boolean().default(true),
        inputTokens: count,
        outputTokens: count,
        cacheReadTokens: count,
        cacheWrite5mTokens: count,
        cacheWrite1hTokens: count,
      }),
    ),
    webSearches: count,
    codeExecutionSeconds: count.default(0),
    sessionMilliseconds: count.default(0),
    speed: z.enum(['standard', 'fast']),
    inferenceGeo: z.enum(['global', 'us']),
    serviceTier: z.enum(['standard', 'batch']),
    unknown: z.record(z.string(), count).optional(),
  })
  .transform(({ unknown, ...usage }) => (unknown === undefined ? usage : { ...usage, unknown }));

export const linesSchema = z.looseObject({}).nullable().default(null);
const amount = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform((digits) => nanos(BigInt(digits)))
  .nullable()
  .default(null);
const priced = z.object({
  lines: linesSchema,
  list_nanos: amount,
  upstream_nanos: amount,
});
const attemptsIn = z.object({ upstream_attempts: z.unknown() });

/**
 * The one JSON value that a row keeps of all this: the usage, and beside its own fields how it was
 * priced and what it repeats. Amounts are digits in text, which no reader of JSON can bend. Null
 * where nothing is known.
 */
export function packUsage(record: PricedUsage & Repetition): string | null {
  const { usage, lines, listAmount, upstreamCost, adopted = false, retryOf = null } = record;
  const { upstreamAttempts = [] } = record;
  const known = usage !== null || adopted || retryOf !== null || upstreamAttempts.length > 0;
  if (!known) return null;
  return JSON.stringify({
    ...usage,
    ...(adopted ? { adopted } : {}),
    ...(retryOf === null ? {} : { retry_of: retryOf }),
    ...(lines === null ? {} : { lines }),
    ...(listAmount === null ? {} : { list_nanos: listAmount.toString() }),
    ...(upstreamCost === null ? {} : { upstream_nanos: upstreamCost.toString() }),
    ...(upstreamAttempts.length === 0 ? {} : { upstream_attempts: packAttempts(upstreamAttempts) }),
  });
}

const NOTHING: PricedUsage = { usage: null, lines: null, listAmount: null, upstreamCost: null };

/** Reads what `packUsage` made, in this release or an earlier one. What nobody wrote is nothing. */
export function readStoredUsage(value: unknown): PricedUsage {
  const upstreamAttempts = readAttempts(attemptsIn.safeParse(value).data?.upstream_attempts);
  const asked = upstreamAttempts.length === 0 ? {} : { upstreamAttempts };
  const usage = usageSchema.safeParse(value);
  if (!usage.success) return { ...NOTHING, ...asked };
  const read = priced.safeParse(value);
  if (!read.success) return { ...NOTHING, ...asked, usage: usage.data };
  const { lines, list_nanos: listAmount, upstream_nanos: upstreamCost } = read.data;
  return { usage: usage.data, lines, listAmount, upstreamCost, ...asked };
}

const repetition = z.object({
  adopted: z.boolean().default(false),
  retry_of: z.string().nullable().default(null),
});

/** The other part of what `packUsage` made. */
export function readRepetition(value: unknown): Required<Repetition> {
  const read = repetition.safeParse(value);
  if (!read.success) return { adopted: false, retryOf: null };
  return { adopted: read.data.adopted, retryOf: read.data.retry_of };
}
