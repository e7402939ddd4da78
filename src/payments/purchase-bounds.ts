import { NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';
import type { PaymentsDeps } from '#payments/deps';

/** Card networks' fees make less than this a loss for everybody. */
export const MINIMUM_PURCHASE: NanoUsd = nanos(5n * NANOS_PER_USD);
export const DEFAULT_MAXIMUM_PURCHASE: NanoUsd = nanos(10_000n * NANOS_PER_USD);

/** What a purchase may be, before tax. */
export interface PurchaseBounds {
  readonly minimum: NanoUsd;
  readonly maximum: NanoUsd;
}

/**
 * The bounds of an organization: its tier's where the tier has any, else the deployment's. A tier
 * may ask for more than the least of all purchases, never for less.
 */
export async function purchaseBounds(
  deps: Pick<PaymentsDeps, 'maximum' | 'tierBounds'>,
  organizationId: string,
): Promise<PurchaseBounds> {
  const tier = await deps.tierBounds?.(organizationId);
  const least = tier?.least ?? MINIMUM_PURCHASE;
  return {
    minimum: least < MINIMUM_PURCHASE ? MINIMUM_PURCHASE : least,
    maximum: tier?.most ?? deps.maximum ?? DEFAULT_MAXIMUM_PURCHASE,
  };
}
