import type { Statement } from '#db/pool';
import { ANOMALY_MOVES, type AnomalyMove, type AnomalyState } from '#spend-watch/states';
import type { Speed, Unusual, WindowName } from '#spend-watch/unusual';

export interface AnomalyRow {
  readonly organizationId: string;
  readonly id: string;
  readonly level: 'api_key' | 'organization';
  readonly subjectId: string;
  readonly state: AnomalyState;
  readonly window: WindowName;
  readonly spent: bigint;
  readonly usual: bigint;
  readonly allowed: bigint;
  readonly peakFiveMinutes: bigint;
  readonly peakHour: bigint;
  readonly openedAt: Date;
  readonly pausedAt: Date | null;
  readonly endedAt: Date | null;
  readonly endedBy: string | null;
}

const COLUMNS = `organization_id AS "organizationId", id, level, subject_id AS "subjectId", state,
  window_name AS "window", spent_nanos AS spent, usual_nanos AS usual, allowed_nanos AS allowed,
  peak_five_minutes_nanos AS "peakFiveMinutes", peak_hour_nanos AS "peakHour",
  opened_at AS "openedAt", paused_at AS "pausedAt", ended_at AS "endedAt", ended_by AS "endedBy"`;

const ends = (move: AnomalyMove): [AnomalyState, AnomalyState] => [
  ANOMALY_MOVES[move].from,
  ANOMALY_MOVES[move].to,
];

export interface Subject {
  readonly organizationId: string;
  readonly level: 'api_key' | 'organization';
  readonly subjectId: string;
}

/**
 * Whoever raises or answers anomalies of an organization does so one after the other, for the rest of
 * its transaction. Nothing else waits for it.
 */
export const lockAnomalies = (organizationId: string): Statement => ({
  text: `SELECT pg_advisory_xact_lock(hashtext('spend_watch.anomalies'), hashtext($1))`,
  values: [organizationId],
});

/** The open one has gone on. */
export const touchOpen = (subject: Subject, speed: Speed): Statement => ({
  text: `UPDATE spend_watch.anomalies SET beyond_at = bursar.now(),
      peak_five_minutes_nanos = greatest(peak_five_minutes_nanos, $3),
      peak_hour_nanos = greatest(peak_hour_nanos, $4)
    WHERE organization_id = $1 AND subject_id = $2 AND state = 'open' RETURNING ${COLUMNS}`,
  values: [subject.organizationId, subject.subjectId, speed.five_minutes, speed.hour],
});

/**
 * What a person has answered since the facts were read, which are old then. An answer is dated a
 * moment before it is committed.
 */
export const selectAnsweredSince = ({ organizationId }: Subject, asOf: string): Statement => ({
  text: `SELECT FROM spend_watch.anomalies
    WHERE organization_id = $1 AND ended_by IS NOT NULL
      AND ended_at > $2::timestamptz - interval '5 seconds'`,
  values: [organizationId, asOf],
});

/** The last that passed within a week, if there is one. */
export const selectPassed = (subject: Subject): Statement => ({
  text: `SELECT ${COLUMNS} FROM spend_watch.anomalies
    WHERE organization_id = $1 AND subject_id = $2 AND state = 'passed'
      AND ended_at > bursar.now() - interval '7 days'
    ORDER BY opened_at DESC LIMIT 1`,
  values: [subject.organizationId, subject.subjectId],
});

export const reopen = (organizationId: string, id: string, speed: Speed): Statement => ({
  text: `UPDATE spend_watch.anomalies SET state = $6, ended_at = NULL, beyond_at = bursar.now(),
      paused_at = NULL, peak_five_minutes_nanos = greatest(peak_five_minutes_nanos, $3),
      peak_hour_nanos = greatest(peak_hour_nanos, $4)
    WHERE organization_id = $1 AND id = $2 AND state = $5 RETURNING ${COLUMNS}`,
  values: [organizationId, id, speed.five_minutes, speed.hour, ...ends('reopen')],
});

export const insertAnomaly = (
  subject: Subject,
  id: string,
  unusual: Unusual,
  speed: Speed,
): Statement => ({
  text: `INSERT INTO spend_watch.anomalies (organization_id, id, level, subject_id, window_name,
      spent_nanos, usual_nanos, allowed_nanos, peak_five_minutes_nanos, peak_hour_nanos)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (organization_id, subject_id) WHERE state = 'open' DO NOTHING
    RETURNING ${COLUMNS}`,
  values: [
    ...[subject.organizationId, id, subject.level, subject.subjectId, unusual.window],
    ...[unusual.spent, unusual.usual, unusual.allowed, speed.five_minutes, speed.hour],
  ],
});

export const markPaused = (organizationId: string, id: string): Statement => ({
  text: `UPDATE spend_watch.anomalies SET paused_at = bursar.now()
    WHERE organization_id = $1 AND id = $2 AND state = 'open'`,
  values: [organizationId, id],
});

/** Those of nobody's answer whose speed has been usual for an hour, or whose key has ended. */
export const passQuiet: Statement = {
  text: `UPDATE spend_watch.anomalies a SET state = $2, ended_at = bursar.now()
    FROM orgs.spenders s
    WHERE a.state = $1 AND s.organization_id = a.organization_id
      AND s.subject_id = a.subject_id AND s.status <> 'paused'
      AND (a.beyond_at < bursar.now() - interval '1 hour' OR s.status IN ('revoked', 'expired'))`,
  values: ends('pass'),
};

export const lockOpen = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM spend_watch.anomalies
    WHERE organization_id = $1 AND id = $2 AND state = 'open' FOR UPDATE`,
  values: [organizationId, id],
});

export const lockOpenOf = (organizationId: string, subjectId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM spend_watch.anomalies
    WHERE organization_id = $1 AND subject_id = $2 AND state = 'open' FOR UPDATE`,
  values: [organizationId, subjectId],
});

export const endByAnswer = (
  organizationId: string,
  id: string,
  move: 'acknowledge' | 'resume',
  by: string,
): Statement => ({
  text: `UPDATE spend_watch.anomalies SET state = $4, ended_at = bursar.now(), ended_by = $5
    WHERE organization_id = $1 AND id = $2 AND state = $3 RETURNING ${COLUMNS}`,
  values: [organizationId, id, ...ends(move), by],
});

/** A person says that this speed is usual: from now on, and with the days of a month as others. */
export const agree = (organizationId: string, subjectId: string, speed: Speed): Statement => ({
  text: `INSERT INTO spend_watch.days AS d (organization_id, subject_id, day,
      agreed_five_minutes_nanos, agreed_hour_nanos)
    VALUES ($1, $2, (bursar.now() AT TIME ZONE 'UTC')::date, $3, $4)
    ON CONFLICT (organization_id, subject_id, day) DO UPDATE SET
      agreed_five_minutes_nanos
        = greatest(d.agreed_five_minutes_nanos, EXCLUDED.agreed_five_minutes_nanos),
      agreed_hour_nanos = greatest(d.agreed_hour_nanos, EXCLUDED.agreed_hour_nanos)`,
  values: [organizationId, subjectId, speed.five_minutes, speed.hour],
});

/** What is usual for a key is usual for its organization beside what that was used to. */
export const agreeWithin = (organizationId: string, speed: Speed): Statement => ({
  text: `INSERT INTO spend_watch.days AS d (organization_id, subject_id, day,
      agreed_five_minutes_nanos, agreed_hour_nanos)
    SELECT $1, $1, (bursar.now() AT TIME ZONE 'UTC')::date,
           $2 + coalesce(max(greatest(most_five_minutes_nanos, agreed_five_minutes_nanos)), 0),
           $3 + coalesce(max(greatest(most_hour_nanos, agreed_hour_nanos)), 0)
      FROM spend_watch.days WHERE organization_id = $1 AND subject_id = $1
       AND day >= (bursar.now() AT TIME ZONE 'UTC')::date - 28
    ON CONFLICT (organization_id, subject_id, day) DO UPDATE SET
      agreed_five_minutes_nanos = EXCLUDED.agreed_five_minutes_nanos,
      agreed_hour_nanos = EXCLUDED.agreed_hour_nanos`,
  values: [organizationId, speed.five_minutes, speed.hour],
});

/** The newest first; the open ones before all others. */
export const selectAnomalies = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${COLUMNS} FROM spend_watch.anomalies WHERE organization_id = $1
    ORDER BY state = 'open' DESC, opened_at DESC, id DESC LIMIT $2`,
  values: [organizationId, limit],
});
