import * as sql from '#charging/sql';
import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { LimitAction, LimitLevel } from '#orgs/spend-limits';

export interface LimitChange {
  readonly organizationId: OrganizationId;
  readonly level: LimitLevel;
  /** The organization, workspace or key to limit. */
  readonly subjectId: string;
  /** Per calendar month in UTC; 0 blocks everything, null removes the limit. */
  readonly amount: NanoUsd | null;
  readonly action: LimitAction;
  /** Who set it, as the limit shows it. */
  readonly setBy: string;
}

/**
 * Sets, changes or removes a limit (money rule 7). The next hold obeys it; requests under way finish
 * and count. A first limit counts what this month has used already.
 */
export async function setSpendLimit(
  db: Db,
  change: LimitChange,
): Promise<'set' | 'unknown_subject'> {
  const [row] = await db.query<{ outcome: 'set' | 'unknown_subject' }>(sql.setSpendLimit(change));
  return row?.outcome ?? 'unknown_subject';
}
