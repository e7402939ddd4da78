import type { LivePrices } from '#catalog/live';
import type { BusinessTime } from '#gateway/business-time';
import { STORE_MS, within } from '#gateway/in-time';

/**
 * Whether a model can be called, for calls that take no hold. The store is asked only before that is
 * denied: its prices may have come into force since this process read them. While it is away, the
 * ones last known will do, for nothing is paid by them.
 */
export async function hasPrice(
  { prices, time }: { readonly prices: LivePrices; readonly time: BusinessTime },
  model: string,
  at: Date,
): Promise<boolean> {
  if (prices.current().book.priceOf(model, time.guess(at)) !== undefined) return true;
  const latest = await within(prices.latest(), STORE_MS).catch(() => undefined);
  return latest?.prices.book.priceOf(model, latest.now) !== undefined;
}
