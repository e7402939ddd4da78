import type { Statement } from '#db/pool';
import type { Speed } from '#spend-watch/unusual';

export interface TurnRow {
  /** What has settled after and until then is to be counted now: as text, to the microsecond. */
  readonly since: string;
  readonly until: string;
  /** The minute that has begun. */
  readonly minute: string;
  /** There is more to be counted before anything can be compared. */
  readonly behind: boolean;
  readonly newMinute: boolean;
  readonly newDay: boolean;
}

/**
 * Takes the turn of looking, unless another process has it or has just had it. What settled in the
 * last ten seconds may not be there yet, because it is dated by its statement and seen when that
 * commits; the statements of settlements are cut off after three. When no worker was there for a
 * while, an hour is counted at a time, and what is older than thirty hours is left out.
 */
export const takeTurn = (gapMs: number): Statement => ({
  text: `WITH p AS (
      SELECT only_row, greatest(counted_until, bursar.now() - interval '30 hours') AS since,
             bursar.now() - interval '10 seconds' AS safe
        FROM spend_watch.progress
       WHERE looked_at <= bursar.real_now() - make_interval(secs => $1::double precision / 1000)
          OR counted_until < bursar.now() - interval '1 minute'
         FOR UPDATE SKIP LOCKED)
    UPDATE spend_watch.progress w
    SET counted_from = p.since, looked_at = bursar.real_now(),
        counted_until = least(greatest(p.since, p.safe), p.since + interval '1 hour')
    FROM p WHERE w.only_row = p.only_row
    RETURNING w.counted_from::text AS since, w.counted_until::text AS until,
      date_trunc('minute', bursar.now())::text AS minute,
      counted_until < p.safe AS behind, date_trunc('minute', counted_until) > noted_until AS "newMinute",
      date_trunc('day', counted_until AT TIME ZONE 'UTC')
        > date_trunc('day', noted_until AT TIME ZONE 'UTC') AS "newDay"`,
  values: [gapMs],
});

/**
 * Adds what has settled meanwhile to the minutes of its keys. The times are values and no join, so
 * that the plan knows how little is asked for and goes by the summary of times.
 */
export const countCharges = ({ since, until }: TurnRow): Statement => ({
  text: `INSERT INTO spend_watch.minutes AS m (organization_id, api_key_id, minute, charged_nanos)
    SELECT c.organization_id, c.api_key_id, date_trunc('minute', c.settled_at),
           sum(c.charged_nanos)::bigint
      FROM metering.charges c
     WHERE c.settled_at > $1::timestamptz AND c.settled_at <= $2::timestamptz
     GROUP BY 1, 2, 3
    ON CONFLICT (organization_id, api_key_id, minute)
      DO UPDATE SET charged_nanos = m.charged_nanos + EXCLUDED.charged_nanos`,
  values: [since, until],
});

/**
 * Notes the minutes that are over as what their keys and organizations are used to, by the day. Who
 * has an open anomaly is left out, and a key that has one is left out of its organization.
 */
export const noteUsual: Statement = {
  text: `WITH p AS (
      SELECT noted_until AS since, date_trunc('minute', counted_until) AS until
        FROM spend_watch.progress),
    charged AS (
      SELECT m.* FROM spend_watch.minutes m, p
       WHERE m.minute >= p.since - interval '59 minutes' AND m.minute < p.until
         AND NOT EXISTS (SELECT FROM spend_watch.anomalies a
               WHERE a.organization_id = m.organization_id AND a.subject_id = m.api_key_id
                 AND a.state = 'open')),
    by_subject AS (
      SELECT organization_id, api_key_id AS subject_id, minute, charged_nanos FROM charged
      UNION ALL
      SELECT organization_id, organization_id, minute, sum(charged_nanos) FROM charged
       GROUP BY 1, 3),
    windows AS (
      SELECT organization_id, subject_id, minute,
             sum(charged_nanos) OVER (w RANGE BETWEEN '4 minutes' PRECEDING AND CURRENT ROW) AS five,
             sum(charged_nanos) OVER (w RANGE BETWEEN '59 minutes' PRECEDING AND CURRENT ROW) AS hour
        FROM by_subject WINDOW w AS (PARTITION BY organization_id, subject_id ORDER BY minute))
    INSERT INTO spend_watch.days AS d (organization_id, subject_id, day, most_five_minutes_nanos,
      most_hour_nanos)
    SELECT w.organization_id, w.subject_id, (w.minute AT TIME ZONE 'UTC')::date,
           max(w.five)::bigint, max(w.hour)::bigint
      FROM windows w, p
     WHERE w.minute >= p.since
       AND NOT EXISTS (SELECT FROM spend_watch.anomalies a
             WHERE a.organization_id = w.organization_id AND a.subject_id = w.organization_id
               AND a.subject_id = w.subject_id AND a.state = 'open')
     GROUP BY 1, 2, 3
    ON CONFLICT (organization_id, subject_id, day) DO UPDATE SET
      most_five_minutes_nanos = greatest(d.most_five_minutes_nanos, EXCLUDED.most_five_minutes_nanos),
      most_hour_nanos = greatest(d.most_hour_nanos, EXCLUDED.most_hour_nanos)`,
};

export const markNoted: Statement = {
  text: `UPDATE spend_watch.progress SET noted_until = date_trunc('minute', counted_until)`,
};

/** Older ones are in no window any more, neither of now nor of what is still to be noted. */
export const forgetMinutes = ({ until }: TurnRow): Statement => ({
  text: `DELETE FROM spend_watch.minutes WHERE minute < $1::timestamptz - interval '62 minutes'`,
  values: [until],
});

export const forgetDays: Statement = {
  text: `DELETE FROM spend_watch.days WHERE day < (bursar.now() AT TIME ZONE 'UTC')::date - 28`,
};

export interface SpeedRow {
  readonly organizationId: string;
  readonly subjectId: string;
  readonly fiveMinutes: bigint;
  readonly hour: bigint;
}

/**
 * Who has been charged something since the last look and spends faster than the floors given: keys,
 * and organizations with all their keys.
 */
export const selectFast = ({ since, until, minute }: TurnRow, least: Speed): Statement => ({
  text: `WITH latest AS (
      SELECT c.organization_id, c.api_key_id, coalesce(sum(c.charged_nanos) FILTER (
               WHERE c.settled_at > $1::timestamptz), 0) AS charged
        FROM metering.charges c WHERE c.settled_at > $5::timestamptz GROUP BY 1, 2),
    charged AS (
      SELECT organization_id, api_key_id, charged, charged AS in_five FROM latest
      UNION ALL
      SELECT m.organization_id, m.api_key_id, sum(m.charged_nanos),
             coalesce(sum(m.charged_nanos) FILTER (
               WHERE m.minute > $4::timestamptz - interval '5 minutes'), 0)
        FROM (SELECT DISTINCT organization_id FROM latest) AS l
        JOIN spend_watch.minutes m ON m.organization_id = l.organization_id
         AND m.minute > $4::timestamptz - interval '60 minutes'
       GROUP BY 1, 2)
    SELECT organization_id AS "organizationId", coalesce(api_key_id, organization_id) AS "subjectId",
           sum(in_five)::bigint AS "fiveMinutes", sum(charged)::bigint AS hour
      FROM charged
     GROUP BY GROUPING SETS ((organization_id), (organization_id, api_key_id))
    HAVING sum(in_five) > $2 OR sum(charged) > $3`,
  values: [until, least.five_minutes, least.hour, minute, since],
});

export interface SpenderRow {
  readonly organizationId: string;
  readonly subjectId: string;
  readonly level: 'api_key' | 'organization';
  readonly usualFiveMinutes: bigint;
  readonly usualHour: bigint;
  readonly ofOrganizationFiveMinutes: bigint;
  readonly ofOrganizationHour: bigint;
  readonly young: boolean;
  readonly answeredLately: boolean;
  readonly monthly: bigint | null;
  /** When this was read: as text, to the microsecond. */
  readonly asOf: string;
}

const usualOf = (subject: string, name: string): string => `CROSS JOIN LATERAL (
      SELECT coalesce(max(greatest(CASE WHEN d.day < n.today THEN d.most_five_minutes_nanos END,
               d.agreed_five_minutes_nanos)), 0) AS five,
             coalesce(max(greatest(CASE WHEN d.day < n.today THEN d.most_hour_nanos END,
               d.agreed_hour_nanos)), 0) AS hour
        FROM spend_watch.days d
       WHERE d.organization_id = s.organization_id AND d.subject_id = ${subject}
         AND d.day >= n.today - 28) AS ${name}`;

/** What is known of these; without those that want no watch, or are learned from still. */
export const selectSpenders = (
  organizationIds: readonly string[],
  subjectIds: readonly string[],
): Statement => ({
  text: `WITH n AS MATERIALIZED (
      SELECT bursar.now() AS now, (bursar.now() AT TIME ZONE 'UTC')::date AS today)
    SELECT s.organization_id AS "organizationId", s.subject_id AS "subjectId", s.level,
      own.five AS "usualFiveMinutes", own.hour AS "usualHour",
      of_all.five AS "ofOrganizationFiveMinutes", of_all.hour AS "ofOrganizationHour",
      s.created_at > n.now - interval '3 days' AS young,
      EXISTS (SELECT FROM spend_watch.anomalies a
               WHERE a.organization_id = s.organization_id AND a.ended_by IS NOT NULL
                 AND a.ended_at > n.now - interval '1 day') AS "answeredLately",
      s.monthly_nanos AS monthly, n.now::text AS "asOf"
    FROM unnest($1::text[], $2::text[]) AS asked (organization_id, subject_id)
    CROSS JOIN n
    CROSS JOIN spend_watch.progress p
    JOIN orgs.spenders s ON s.organization_id = asked.organization_id
     AND s.subject_id = asked.subject_id
    JOIN orgs.spenders o ON o.organization_id = asked.organization_id
     AND o.subject_id = asked.organization_id
    LEFT JOIN spend_watch.policies w ON w.organization_id = asked.organization_id
    ${usualOf('s.subject_id', 'own')}
    ${usualOf('s.organization_id', 'of_all')}
    WHERE coalesce(w.action, 'alert') <> 'off'
      AND (o.created_at >= p.began_at OR n.now >= p.began_at + interval '3 days')`,
  values: [organizationIds, subjectIds],
});

export interface PolicyRow {
  readonly action: 'off' | 'alert' | 'pause';
  readonly setBy: string;
  readonly setAt: Date;
}

/** No row: nobody has said anything. */
export const selectPolicy = (organizationId: string): Statement => ({
  text: `SELECT action, set_by AS "setBy", set_at AS "setAt" FROM spend_watch.policies
    WHERE organization_id = $1`,
  values: [organizationId],
});

export const upsertPolicy = (organizationId: string, action: string, setBy: string): Statement => ({
  text: `INSERT INTO spend_watch.policies (organization_id, action, set_by) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id) DO UPDATE
      SET action = EXCLUDED.action, set_by = EXCLUDED.set_by, set_at = bursar.now()`,
  values: [organizationId, action, setBy],
});
