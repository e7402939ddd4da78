import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';

export interface OpenHoldRow {
  readonly id: string;
  readonly amount_nanos: bigint;
  readonly placed_at: Date;
  readonly lease_expires_at: Date;
}

/** What `balance` counts as held, hold by hold, oldest first. */
export const openHolds = (organizationId: OrganizationId, limit: number): Statement => ({
  text: `SELECT id, amount_nanos, placed_at, lease_expires_at FROM ledger.holds
    WHERE organization_id = $1 AND state = 'open' AND lease_expires_at > bursar.real_now()
    ORDER BY placed_at, id LIMIT $2`,
  values: [organizationId, limit],
});
