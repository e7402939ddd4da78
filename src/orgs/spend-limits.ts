import type { Db } from '#db/pool';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from './sql.ts';

/**
 * Whose spending a limit bounds, widest first. That of the tier is the operator's and bounds the
 * organization; the others are set by the customer.
 */
export const LIMIT_LEVELS = ['tier', 'organization', 'workspace', 'api_key'] as const;
export type LimitLevel = (typeof LIMIT_LEVELS)[number];

export const LIMIT_ACTIONS = ['notify_only', 'notify_and_pause'] as const;
export type LimitAction = (typeof LIMIT_ACTIONS)[number];

/** A limit on what the holds of one calendar month (UTC) may be charged (money rule 7). */
export interface SpendLimit {
  readonly level: LimitLevel;
  /** The organization, workspace or key that is limited. */
  readonly subjectId: string;
  /** 0 blocks everything. */
  readonly amount: NanoUsd;
  readonly action: LimitAction;
  /** First day of the month that is counted, as YYYY-MM-DD. */
  readonly month: string;
  readonly charged: NanoUsd;
  /** What open holds of the month have promised. */
  readonly held: NanoUsd;
  /** When the charges of this month reached the amount. */
  readonly reachedAt: Date | null;
  readonly setBy: string;
  readonly setAt: Date;
}

/** Limits of an organization, widest first, with what this month has used of them. */
export async function readSpendLimits(db: Db, organizationId: string): Promise<SpendLimit[]> {
  const rows = await db.query<sql.SpendLimitRow>(sql.selectSpendLimits(organizationId));
  return rows.map((row) => ({
    level: row.level,
    subjectId: row.subject_id,
    amount: nanos(row.amount_nanos),
    action: row.action,
    month: row.month,
    charged: nanos(row.charged_nanos),
    held: nanos(row.held_nanos),
    reachedAt: row.reached_at,
    setBy: row.set_by,
    setAt: row.set_at,
  }));
}
