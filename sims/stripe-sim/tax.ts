import type Stripe from 'stripe';
import { invalid } from './error.ts';
import type { Sim } from './sim.ts';
import { locate, type TaxType } from './tax-places.ts';

/** The value of the setting `tax_rate_percent` that makes the place decide. */
export const BY_PLACE = 'by_place';

export interface TaxedParty {
  address: Stripe.Address | null;
  taxIds: ReadonlyArray<{ type: string; value: string }>;
  exempt: 'exempt' | 'none' | 'reverse' | (string & {}) | null;
}

export type TaxReason = 'standard_rated' | 'reverse_charge' | 'not_collecting' | 'customer_exempt';

export interface Taxed {
  kind: 'taxed';
  percent: string;
  reason: TaxReason;
  type: TaxType | null;
  country: string | null;
  state: string | null;
}

/** What tax a buyer pays, or that nobody can tell without a better address. */
export function decideTax(sim: Sim, party: TaxedParty): Taxed | { kind: 'unlocated' } {
  if (sim.faults.tax === 'down') {
    throw invalid('Tax could not be calculated.', undefined, 'taxes_calculation_failed');
  }
  if (sim.faults.tax === 'inactive') {
    throw invalid('Stripe Tax has not been activated.', undefined, 'stripe_tax_inactive');
  }
  const flat = sim.settings().tax_rate_percent;
  if (flat !== BY_PLACE) return flatTax(flat, party.address);
  const place = locate(party.address);
  if (place.kind === 'unlocated') return place;
  const { country, state, rate } = place;
  const free = { kind: 'taxed' as const, percent: '0', type: rate?.type ?? null, country, state };
  if (rate === null) return { ...free, reason: 'not_collecting' };
  if (party.exempt === 'exempt') return { ...free, reason: 'customer_exempt' };
  const reversed = party.taxIds.some((taxId) => taxId.type === rate.reversedBy);
  if (reversed || party.exempt === 'reverse') return { ...free, reason: 'reverse_charge' };
  return { ...free, percent: rate.percent, reason: 'standard_rated' };
}

/** One rate for everyone, known before anyone said where they are. */
function flatTax(percent: string, place: Stripe.Address | null): Taxed {
  const none = Number(percent) === 0;
  return {
    kind: 'taxed',
    percent,
    reason: none ? 'not_collecting' : 'standard_rated',
    type: none ? null : 'vat',
    country: place?.country ?? null,
    state: place?.state ?? null,
  };
}

/** Tax of one line in the currency's minor unit. `percent` is a decimal such as `8.875`. */
export function taxOf(amount: number, percent: string, behavior: string | null): number {
  const [whole = '0', fraction = ''] = percent.split('.');
  const rate = BigInt(whole + fraction.padEnd(4, '0'));
  const hundredPercent = 1_000_000n;
  const base = behavior === 'inclusive' ? hundredPercent + rate : hundredPercent;
  return Number(divideHalfUp(BigInt(amount) * rate, base));
}

export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}
