import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';

/** Writing it asks the question at once: the trigger looks at every change of the book. */
export const setLowAt = (organizationId: OrganizationId, level: NanoUsd | null): Statement => ({
  text: 'UPDATE ledger.books SET low_at_nanos = $2 WHERE organization_id = $1',
  values: [organizationId, level],
});

/** By the clock: what has expired does not count, booked or not. */
export const counted = (organizationId: OrganizationId): Statement => ({
  text: `SELECT b.customer_debt_nanos::bigint + coalesce((
        SELECT sum(remaining_nanos) FROM ledger.grants AS g
         WHERE g.organization_id = b.organization_id AND NOT g.exhausted
           AND g.usable_until > bursar.now()), 0)::bigint AS counted
    FROM ledger.books AS b WHERE organization_id = $1`,
  values: [organizationId],
});
