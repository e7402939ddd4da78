import type { Db } from '#db/pool';
import { recordAudit } from '#identity/audit';
import * as sql from './sql.ts';

/** What is to be done about unusual spending. Pausing is for keys; organizations are only told. */
export const WATCH_ACTIONS = ['off', 'alert', 'pause'] as const;
export type WatchAction = (typeof WATCH_ACTIONS)[number];

/** Who has said nothing is told and not stopped: a wrong guess must cost nothing. */
export const DEFAULT_ACTION: WatchAction = 'alert';

export interface WatchPolicy {
  readonly action: WatchAction;
  /** Null where nobody has set it. */
  readonly set: { readonly by: string; readonly at: Date } | null;
}

export const parseWatchAction = (text: string): WatchAction | undefined =>
  WATCH_ACTIONS.find((action) => action === text);

export async function readWatchPolicy(db: Db, organizationId: string): Promise<WatchPolicy> {
  const [row] = await db.query<sql.PolicyRow>(sql.selectPolicy(organizationId));
  if (row === undefined) return { action: DEFAULT_ACTION, set: null };
  return { action: row.action, set: { by: row.setBy, at: row.setAt } };
}

export interface PolicyChange {
  readonly organizationId: string;
  readonly action: WatchAction;
  /** A person, an admin key, or the operator. */
  readonly by: string;
  readonly requestId: string | null;
}

/** Within the second it takes to look, it is obeyed. Keys that are paused stay so. */
export async function setWatchPolicy(tx: Db, change: PolicyChange): Promise<void> {
  const { organizationId, action, by, requestId } = change;
  await tx.query(sql.upsertPolicy(organizationId, action, by));
  await recordAudit(tx, {
    ...{ organizationId, actor: by, action: 'spend_watch.set', subject: organizationId },
    ...{ reason: action, requestId },
  });
}
