import type { Store } from './store.ts';

export interface Settings {
  id: 'settings';
  /** Decimal percentage, for example `23` or `8.875`. */
  tax_rate_percent: string;
  /** First pause before a failed delivery is repeated; each following pause is twice as long. */
  webhook_retry_ms: number;
  /** How far the business clock is ahead of the one given at start. */
  clock_offset_ms: number;
}

export const PERCENT = /^\d{1,2}(\.\d{1,4})?$/;

export function settingsOf(store: Store, taxRatePercent = '0'): Settings {
  return (
    store.settings.get('settings') ?? {
      id: 'settings',
      tax_rate_percent: taxRatePercent,
      webhook_retry_ms: 1000,
      clock_offset_ms: 0,
    }
  );
}
