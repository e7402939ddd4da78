import type { Statement } from '#db/pool';
import type { BillingDetails } from '#payments/billing-details-form';

export interface StoredDetails extends BillingDetails {
  readonly version: number;
}

export const findDetails = (organizationId: string): Statement => ({
  text: `SELECT version, name, line1, line2, city, state, postal_code AS "postalCode", country,
      tax_id_type AS "taxIdType", tax_id AS "taxId"
    FROM payments.billing_details WHERE organization_id = $1`,
  values: [organizationId],
});

/** The version rises with every change, so that who copies them knows what was copied. */
export const saveDetails = (
  organizationId: string,
  actor: string,
  details: BillingDetails,
): Statement => ({
  text: `INSERT INTO payments.billing_details AS known (organization_id, version, name, line1, line2,
      city, state, postal_code, country, tax_id_type, tax_id, updated_by)
    VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (organization_id) DO UPDATE SET version = known.version + 1, name = excluded.name,
      line1 = excluded.line1, line2 = excluded.line2, city = excluded.city,
      state = excluded.state, postal_code = excluded.postal_code, country = excluded.country,
      tax_id_type = excluded.tax_id_type, tax_id = excluded.tax_id,
      updated_by = excluded.updated_by, updated_at = bursar.now()
    RETURNING version`,
  values: [
    organizationId,
    details.name,
    details.line1,
    details.line2,
    details.city,
    details.state,
    details.postalCode,
    details.country,
    details.taxIdType,
    details.taxId,
    actor,
  ],
});

export interface CustomerCopy {
  readonly customerId: string;
  readonly detailsVersion: number;
  readonly taxIdObject: string | null;
}

export const findCopy = (
  organizationId: string,
  provider: string,
  environment: string,
): Statement => ({
  text: `SELECT customer_id AS "customerId", details_version AS "detailsVersion",
      tax_id_object AS "taxIdObject"
    FROM payments.customers WHERE organization_id = $1 AND provider = $2 AND environment = $3`,
  values: [organizationId, provider, environment],
});

/** A slow copy of an older version never undoes the note of a newer one. */
export const noteCopy = (
  organizationId: string,
  provider: string,
  environment: string,
  version: number,
  taxIdObject: string | null,
): Statement => ({
  text: `UPDATE payments.customers SET details_version = $4, tax_id_object = $5
    WHERE organization_id = $1 AND provider = $2 AND environment = $3 AND details_version < $4`,
  values: [organizationId, provider, environment, version, taxIdObject],
});
