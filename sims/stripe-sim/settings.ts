import type { Store } from './store.ts';

export interface Settings {
  id: 'settings';
  /** Decimal percentage, for example `23` or `8.875`; `by_place` looks at the address. */
  tax_rate_percent: string;
  /** First pause before a failed delivery is repeated; each following pause is twice as long. */
  webhook_retry_ms: number;
  /** How far the business clock is ahead of the one given at start. */
  clock_offset_ms: number;
  /** How long banks take: pending refunds, decisions about disputes. */
  bank_delay_seconds: number;
  /** How long after its success a charge has no balance transaction yet. */
  balance_delay_seconds: number;
  /** API requests allowed each second; 0 is no limit, a sandbox has 25. */
  rate_limit_per_second: number;
  /** Refused tries after which a payment intent is canceled; 0 is never. */
  attempts_most: number;
  /** In which order events of one change are sent: as they happened, or shuffled by this number. */
  event_seed: number;
  /** Equal ids for equal input, by this number; 0 is random. */
  id_seed: number;
  /** The merchant's own rules about cards. */
  block_highest_risk: boolean;
  block_cvc_fail: boolean;
  block_zip_fail: boolean;
  review_elevated_risk: boolean;
}

export const PERCENT = /^(\d{1,2}(\.\d{1,4})?|by_place)$/;

export function settingsOf(store: Store, taxRatePercent = '0'): Settings {
  return {
    id: 'settings',
    tax_rate_percent: taxRatePercent,
    webhook_retry_ms: 1000,
    clock_offset_ms: 0,
    bank_delay_seconds: 2,
    balance_delay_seconds: 0,
    rate_limit_per_second: 0,
    attempts_most: 0,
    event_seed: 0,
    id_seed: 0,
    block_highest_risk: true,
    block_cvc_fail: false,
    block_zip_fail: false,
    review_elevated_risk: false,
    ...store.settings.get('settings'),
  };
}
