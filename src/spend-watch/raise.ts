import type { Db, Pool } from '#db/pool';
import { recordAudit } from '#identity/audit';
import { type Entropy, newId } from '#kernel/ids';
import type { JsonObject } from '#kernel/json';
import { formatUsd } from '#kernel/money';
import { changeKey, readApiKey } from '#orgs/api-keys';
import { type Anomaly, anomalyOf } from './anomalies.ts';
import * as sql from './anomalies-sql.ts';
import { readWatchPolicy } from './policy.ts';
import { isWorse, type Speed, type Unusual, WINDOWS } from './unusual.ts';

export type NoticeKind = 'key_spend_anomaly' | 'key_paused' | 'organization_spend_anomaly';

/**
 * Tells the people of an organization, in the transaction that makes it true. `key` names the
 * transition: one notice for each organization, kind and key, ever. No secret is among the facts.
 */
export type Tell = (
  tx: Db,
  notice: {
    readonly organizationId: string;
    readonly kind: NoticeKind;
    readonly key: string;
    readonly facts: JsonObject;
  },
) => Promise<void>;

export interface RaiseDeps {
  readonly pool: Pool;
  readonly entropy: Entropy;
  readonly tell: Tell;
}

/** Who spends unusually fast, and the evidence. */
export interface Found {
  readonly subject: sql.Subject;
  readonly unusual: Unusual;
  readonly speed: Speed;
  /** When the facts were read, as the database gives it. */
  readonly asOf: string;
}

/** Who the audit trail says it was. */
export const WATCH = 'spend_watch';

/**
 * Makes what was found an anomaly, or lets the one there is go on, and does about it what the
 * organization wants. Several processes may find the same: one of them raises it.
 */
export async function raise(deps: RaiseDeps, found: Found): Promise<void> {
  const { organizationId } = found.subject;
  await deps.pool.transaction(async (tx) => {
    await tx.query(sql.lockAnomalies(organizationId));
    const { action } = await readWatchPolicy(tx, organizationId);
    if (action === 'off') return;
    const opened = await openOf(deps, tx, found);
    if (opened === undefined) return;
    const { anomaly, isNew } = opened;
    const keyFacts = await factsOfKey(tx, anomaly);
    const facts = { ...factsOf(anomaly), ...keyFacts };
    const { id } = anomaly;
    const pauses = action === 'pause' && anomaly.level === 'api_key' && anomaly.pausedAt === null;
    if (pauses && (await pause(tx, anomaly))) {
      const notice = { organizationId, kind: 'key_paused', key: `${id}:paused` } as const;
      await deps.tell(tx, { ...notice, facts: { ...facts, paused: true } });
      return;
    }
    if (!isNew) return;
    const kind = anomaly.level === 'api_key' ? 'key_spend_anomaly' : 'organization_spend_anomaly';
    await deps.tell(tx, { organizationId, kind, key: id, facts: { ...facts, paused: false } });
  });
}

/** The open anomaly of a subject: as it is, opened again, or new. */
async function openOf(
  { entropy }: RaiseDeps,
  tx: Db,
  { subject, unusual, speed, asOf }: Found,
): Promise<{ readonly anomaly: Anomaly; readonly isNew: boolean } | undefined> {
  const [open] = await tx.query<sql.AnomalyRow>(sql.touchOpen(subject, speed));
  if (open !== undefined) return { anomaly: anomalyOf(open), isNew: false };
  if ((await tx.query(sql.selectAnsweredSince(subject, asOf))).length > 0) return undefined;
  const [passed] = await tx.query<sql.AnomalyRow>(sql.selectPassed(subject));
  if (passed !== undefined) {
    const before = anomalyOf(passed);
    // One that was paused before is told of anew: its notice of being paused has been told already.
    const silent = before.pausedAt === null && !isWorse(unusual.spent, before.peak[unusual.window]);
    if (silent) {
      const again = sql.reopen(subject.organizationId, before.id, speed);
      const [reopened] = await tx.query<sql.AnomalyRow>(again);
      return reopened === undefined ? undefined : { anomaly: anomalyOf(reopened), isNew: false };
    }
  }
  const id = newId('anomaly', entropy);
  const [made] = await tx.query<sql.AnomalyRow>(sql.insertAnomaly(subject, id, unusual, speed));
  return made === undefined ? undefined : { anomaly: anomalyOf(made), isNew: true };
}

/** False if the key is not active: there is nothing to pause. */
async function pause(tx: Db, anomaly: Anomaly): Promise<boolean> {
  const { organizationId, subjectId } = anomaly;
  const changed = await changeKey(tx, 'pause', { organizationId, id: subjectId });
  if (changed.outcome !== 'done' || !changed.moved) return false;
  await tx.query(sql.markPaused(organizationId, anomaly.id));
  await recordAudit(tx, {
    ...{ organizationId, actor: WATCH, action: 'api_key.pause', subject: subjectId },
    ...{ reason: anomaly.id, requestId: null },
  });
  return true;
}

const factsOf = (anomaly: Anomaly): JsonObject => ({
  anomaly_id: anomaly.id,
  window_minutes: WINDOWS[anomaly.window].minutes,
  spent_usd: formatUsd(anomaly.spent),
  usual_usd: formatUsd(anomaly.usual),
  allowed_usd: formatUsd(anomaly.allowed),
  at: anomaly.openedAt.toISOString(),
});

async function factsOfKey(tx: Db, { organizationId, level, subjectId }: Anomaly) {
  if (level === 'organization') return {};
  const key = await readApiKey(tx, { organizationId, id: subjectId });
  if (key === undefined) return { api_key_id: subjectId };
  const { name, hint, workspaceId } = key;
  return { api_key_id: subjectId, key_name: name, key_hint: hint, workspace_id: workspaceId };
}
