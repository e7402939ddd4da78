import { z } from 'zod';
import { type NanoUsd, nanos } from '#kernel/money';
import type { Usage } from '#kernel/usage';

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

/**
 * The one JSON value that a row keeps of all this: the usage, and beside its own fields how it was
 * priced. Amounts are digits in text, which no reader of JSON can bend. Null where nothing is known.
 */
export function packUsage({ usage, lines, listAmount, upstreamCost }: PricedUsage): string | null {
  if (usage === null) return null;
  return JSON.stringify({
    ...usage,
    ...(lines === null ? {} : { lines }),
    ...(listAmount === null ? {} : { list_nanos: listAmount.toString() }),
    ...(upstreamCost === null ? {} : { upstream_nanos: upstreamCost.toString() }),
  });
}

const NOTHING: PricedUsage = { usage: null, lines: null, listAmount: null, upstreamCost: null };

/** Reads what `packUsage` made, in this release or an earlier one. What nobody wrote is nothing. */
export function readStoredUsage(value: unknown): PricedUsage {
  const usage = usageSchema.safeParse(value);
  if (!usage.success) return NOTHING;
  const read = priced.safeParse(value);
  if (!read.success) return { ...NOTHING, usage: usage.data };
  const { lines, list_nanos: listAmount, upstream_nanos: upstreamCost } = read.data;
  return { usage: usage.data, lines, listAmount, upstreamCost };
}
