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
}

export const PERCENT = /^(\d{1,2}(\.\d{1,4})?|by_place)$/;

export function settingsOf(store: Store, taxRatePercent = '0'): Settings {
  return {
    id: 'settings',
    tax_rate_percent: taxRatePercent,
    webhook_retry_ms: 1000,
    clock_offset_ms: 0,
    bank_delay_seconds: 2,
    ...store.settings.get('settings'),
  };
}
