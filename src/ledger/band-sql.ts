import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';

/** Writing it asks the question at once: the trigger looks at every change of the book. */
export const setBand = (
  organizationId: OrganizationId,
  below: bigint | null,
  from: bigint | null,
): Statement => ({
  text: `UPDATE ledger.books SET notice_below_nanos = $2, notice_from_nanos = $3
    WHERE organization_id = $1`,
  values: [organizationId, below, from],
});

/** Exactly what the trigger compares: what has expired counts until it is booked. */
export const bandCredit = (organizationId: OrganizationId): Statement => ({
  text: `SELECT (live_nanos + customer_debt_nanos)::bigint AS credit FROM ledger.books
    WHERE organization_id = $1`,
  values: [organizationId],
});

export const withoutBand = (limit: number): Statement => ({
  text: `SELECT organization_id AS "organizationId" FROM ledger.books
    WHERE notice_below_nanos IS NULL AND notice_from_nanos IS NULL
    ORDER BY organization_id LIMIT $1`,
  values: [limit],
});

/**
 * Grants with something left that end within so many days, and were longer than that when they were
 * given: how soon a short one ends was said when it was given.
 */
export const endingGrants = (days: number): Statement => ({
  text: `SELECT organization_id AS "organizationId", id, kind, amount_nanos AS amount,
      remaining_nanos AS remaining, expires_at AS "expiresAt"
    FROM ledger.grants
    WHERE NOT exhausted AND usable_until = expires_at AND usable_until > bursar.now()
      AND usable_until <= bursar.now() + make_interval(days => $1)
      AND granted_at <= expires_at - make_interval(days => $1)`,
  values: [days],
});
