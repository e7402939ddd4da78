import type { SettingsRow } from '#payments/auto-reload-sql';
import type { PaymentsDeps } from '#payments/deps';
import type { Purchase } from '#payments/sql';

/**
 * Whether this deployment charges cards for these settings. Two may share a database, each with a
 * processor that knows nothing of the other's cards and payments.
 */
export const isOurs = (
  deps: Pick<PaymentsDeps, 'environment'>,
  settings: Pick<SettingsRow, 'environment'>,
): boolean => settings.environment === null || settings.environment === deps.environment;

/** The same of a purchase: of another deployment's, our processor would say that no payment exists. */
export const isOurPurchase = (
  deps: Pick<PaymentsDeps, 'environment' | 'processor'>,
  purchase: Pick<Purchase, 'environment' | 'provider'>,
): boolean =>
  purchase.environment === deps.environment && purchase.provider === deps.processor.name;
