import type { Statement } from '#db/pool';

export interface EndingCard {
  readonly organizationId: string;
  readonly id: string;
  readonly brand: string;
  readonly last4: string;
  /** The last month it is good for, as "11/2026". */
  readonly month: string;
  readonly isDefault: boolean;
}

/** A card is good through the last day of its month, in UTC. */
export const endingCards = (days: number, provider: string, environment: string): Statement => ({
  text: `SELECT organization_id AS "organizationId", id, brand, last4, is_default AS "isDefault",
      lpad(exp_month::text, 2, '0') || '/' || exp_year AS month
    FROM payments.cards,
      LATERAL (SELECT make_date(exp_year, exp_month, 1) + interval '1 month' AS at) AS ends
    WHERE removed_at IS NULL AND provider = $2 AND environment = $3
      AND ends.at > bursar.now() AT TIME ZONE 'UTC'
      AND ends.at <= bursar.now() AT TIME ZONE 'UTC' + make_interval(days => $1)
    ORDER BY organization_id, id`,
  values: [days, provider, environment],
});
