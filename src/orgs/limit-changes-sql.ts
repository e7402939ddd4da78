import type { Statement } from '#db/pool';
import type { LimitAction, LimitLevel } from '#orgs/spend-limits';

export interface LimitChangeRow {
  readonly seq: bigint;
  readonly level: LimitLevel;
  readonly subject_id: string;
  readonly amount_nanos: bigint | null;
  readonly action: LimitAction | null;
  readonly before_nanos: bigint | null;
  readonly set_by: string;
  readonly set_at: Date;
}

/** Newest first, each with the amount that stood before it. Limits are changed by hand: few rows. */
export const selectLimitChanges = (organizationId: string, limit: number): Statement => ({
  text: `SELECT seq, level, subject_id, amount_nanos, action, set_by, set_at,
                lag(amount_nanos) OVER (PARTITION BY level, subject_id ORDER BY seq) AS before_nanos
           FROM orgs.spend_limit_changes WHERE organization_id = $1 ORDER BY seq DESC LIMIT $2`,
  values: [organizationId, limit],
});
