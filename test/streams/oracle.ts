import { z } from 'zod';
import { parseUsd } from '#kernel/money';
import type { Product } from '#test/product';
import { ENDINGS, MODELS } from './endings.ts';

/** A call as the model saw it, with all that decides its price. */
export interface ModelCall {
  readonly scenario: string;
  readonly payer: number;
  /** The gateway went away before the model was done. */
  readonly aborted: boolean;
}

export type Oracle = (call: ModelCall) => bigint;

const MILLION = 1_000_000n;
const amount = z.string().transform((text, context) => {
  const nanos = parseUsd(text);
  if (nanos !== undefined) return nanos;
  context.addIssue({ code: 'custom', message: 'no amount' });
  return z.NEVER;
});
const band = z.object({
  input_usd: amount,
  output_usd: amount,
  cache_read_usd: amount,
  cache_write_5m_usd: amount,
});
// The prompts here are far below every second band.
const priceShape = z.object({ bands: z.tuple([band], z.unknown()) });

/** Which rate each count of a scenario has. */
const RATES = {
  input_tokens: 'input_usd',
  output_tokens: 'output_usd',
  cache_read: 'cache_read_usd',
  cache_write_5m: 'cache_write_5m_usd',
} as const;
const COUNTS = ['input_tokens', 'output_tokens', 'cache_read', 'cache_write_5m'] as const;

/**
 * What calls cost by the price list alone: counts the model was told to report times the rates it
 * is sold at, in nano-USD. Knows nothing of how the gateway reads, rates or books them.
 */
export async function oracleOf(product: Product): Promise<Oracle> {
  const prices = new Map<string, z.infer<typeof band>>();
  for (const model of MODELS) {
    const { bands } = await product.cli(priceShape, 'price', 'show', model);
    prices.set(model, bands[0]);
  }
  return ({ scenario, aborted }) => {
    if (aborted) throw new Error(`the gateway gave up on ${scenario}`);
    const [ending = '', ...pairs] = scenario.split(';');
    const settings = new Map(
      pairs.map((pair) => pair.split('=')).map(([k = '', v = '']) => [k, v]),
    );
    if (!isCharged(ending)) return 0n;
    const price = prices.get(settings.get('model') ?? '');
    if (price === undefined) throw new Error(`no price for ${scenario}`);
    const total = COUNTS.reduce(
      (sum, count) => sum + BigInt(settings.get(count) ?? '0') * price[RATES[count]],
      0n,
    );
    if (total % MILLION !== 0n) throw new Error(`no whole nano-USD: ${scenario}`);
    return total / MILLION;
  };
}

function isCharged(ending: string): boolean {
  for (const [name, charged] of Object.entries(ENDINGS)) if (name === ending) return charged;
  throw new Error(`nothing is known of ${ending}`);
}
