import type { Db } from '#db/pool';
import { recordAudit } from '#identity/audit';
import { changeKey, type KeyChange, type KeyChoice } from '#orgs/api-keys';
import { type Anomaly, anomalyOf } from './anomalies.ts';
import * as sql from './anomalies-sql.ts';

/** Whose answer it is. */
export interface Answering {
  /** A person, an admin key, or the operator. */
  readonly by: string;
  readonly requestId: string | null;
}

/**
 * Lets a paused key go on, in the caller's transaction. Its speed is usual from now on. `moved` is
 * false if the key was active before.
 */
export const resumeKey = (tx: Db, choice: OwnedKey, answering: Answering): Promise<KeyChange> =>
  letGoOn(tx, 'resume', choice, answering);

/**
 * Switches a key on. Of one that was paused before it was switched off that is the same answer: else
 * nobody would be told of it again, and nothing would pause it, for as long as it spends so fast.
 */
export const enableKey = (tx: Db, choice: OwnedKey, answering: Answering): Promise<KeyChange> =>
  letGoOn(tx, 'enable', choice, answering);

type OwnedKey = KeyChoice & { readonly organizationId: string };

async function letGoOn(
  tx: Db,
  move: 'resume' | 'enable',
  choice: OwnedKey,
  answering: Answering,
): Promise<KeyChange> {
  const { organizationId, id } = choice;
  await tx.query(sql.lockAnomalies(organizationId));
  const changed = await changeKey(tx, move, choice);
  if (changed.outcome !== 'done' || !changed.moved) return changed;
  const [open] = await tx.query<sql.AnomalyRow>(sql.lockOpenOf(organizationId, id));
  if (open !== undefined && (move === 'resume' || open.pausedAt !== null)) {
    await end(tx, anomalyOf(open), 'resume', answering);
  }
  const { by: actor, requestId } = answering;
  const action = `api_key.${move}` as const;
  await recordAudit(tx, { organizationId, actor, action, subject: id, requestId });
  return changed;
}

export type Acknowledged =
  | { readonly outcome: 'acknowledged'; readonly anomaly: Anomaly }
  /** Its key is paused: the answer is to resume it, or to revoke it. */
  | { readonly outcome: 'key_paused' }
  | { readonly outcome: 'not_open' };

/** A person says that it is expected: its speed is usual from now on. */
export async function acknowledge(
  tx: Db,
  { organizationId, id }: { readonly organizationId: string; readonly id: string },
  answering: Answering,
): Promise<Acknowledged> {
  await tx.query(sql.lockAnomalies(organizationId));
  const [open] = await tx.query<sql.AnomalyRow>(sql.lockOpen(organizationId, id));
  if (open === undefined) return { outcome: 'not_open' };
  if (open.pausedAt !== null) return { outcome: 'key_paused' };
  const anomaly = await end(tx, anomalyOf(open), 'acknowledge', answering);
  await recordAudit(tx, {
    ...{ organizationId, actor: answering.by, action: 'spend_anomaly.acknowledge', subject: id },
    requestId: answering.requestId,
  });
  return { outcome: 'acknowledged', anomaly };
}

async function end(
  tx: Db,
  anomaly: Anomaly,
  move: 'acknowledge' | 'resume',
  { by }: Answering,
): Promise<Anomaly> {
  const { organizationId, id, subjectId, level, peak } = anomaly;
  const [ended] = await tx.query<sql.AnomalyRow>(sql.endByAnswer(organizationId, id, move, by));
  await tx.query(sql.agree(organizationId, subjectId, peak));
  if (level === 'api_key') await tx.query(sql.agreeWithin(organizationId, peak));
  return ended === undefined ? anomaly : anomalyOf(ended);
}
