import type { NanoUsd } from '#kernel/money';
import type { BillingDetails } from '#payments/billing-details-form';
import type { Changed } from '#payments/processor';

/** The card processor as far as address and tax are concerned. Answers as in `processor.ts`. */
export interface TaxProcessor {
  /** Name, address and tax number of a customer, replaced as a whole. */
  updateCustomer(request: CustomerDetails): Promise<Changed<{ taxIdObject: string | null }>>;
  /** What a purchase would be taxed. Nothing is charged or booked by asking. */
  calculate(request: TaxRequest): Promise<Changed<{ tax: TaxResult }>>;
}

export interface CustomerDetails {
  readonly customerId: string;
  readonly details: BillingDetails;
  /** The tax number the customer has there now, if any: it is taken away. */
  readonly taxIdObject: string | null;
  readonly key: string;
}

export interface TaxRequest {
  readonly amount: NanoUsd;
  readonly details: BillingDetails;
  readonly key: string;
}

export interface TaxResult {
  readonly tax: NanoUsd;
  readonly total: NanoUsd;
  readonly lines: readonly TaxLine[];
  /** Names it at the processor, which books the tax of a charge that says so; null if it has no name. */
  readonly calculation: string | null;
}

/** One tax, such as 19 % of Germany. A line of nothing says why there is none. */
export interface TaxLine {
  readonly name: string;
  /** A decimal such as "19" or "8.875"; null where no tax applies. */
  readonly percent: string | null;
  readonly amount: NanoUsd;
  /** `reverse_charge`, `not_collecting`, `customer_exempt` …; null where tax is due. */
  readonly reason: string | null;
}
