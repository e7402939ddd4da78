import type { Statement } from '#db/pool';

export interface TaxRow {
  readonly tax: bigint;
  readonly credit: bigint;
}

/** Of the newest purchase that was paid. */
export const lastTax = (organizationId: string): Statement => ({
  text: `SELECT tax_nanos AS tax, credit_nanos AS credit FROM payments.purchases
    WHERE organization_id = $1 AND state = 'credited' ORDER BY created_at DESC, id DESC LIMIT 1`,
  values: [organizationId],
});
