import type { Statement } from '#db/pool';

/** Every one of these takes a deployment, or null for all that share the database. */
type Asked = (environment: string | null) => Statement;

const HERE = '($1::text IS NULL OR environment = $1)';

/** Declined and never credited, beside credited, in the last hour. */
export const declines: Asked = (environment) => ({
  text: `SELECT
      (SELECT count(*)::int FROM payments.purchases
        WHERE ${HERE} AND last_decline IS NOT NULL AND state <> 'credited'
          AND updated_at > bursar.now() - interval '1 hour') AS declined,
      (SELECT count(*)::int FROM payments.purchases
        WHERE ${HERE} AND paid_seen_at > bursar.real_now() - interval '1 hour') AS paid`,
  values: [environment],
});

/** Quarantined ones are told of on their own. */
export const uncredited: Asked = (environment) => ({
  text: `SELECT id AS purchase FROM payments.purchases
      WHERE ${HERE} AND paid_seen_at < bursar.real_now() - interval '1 minute'
        AND state NOT IN ('credited', 'quarantined')
    UNION
    SELECT coalesce(i.purchase_id, i.event_id) FROM payments.webhook_inbox i
      WHERE i.outcome IS NULL AND i.received_at < bursar.now() - interval '1 minute'
        AND i.type IN ('payment_intent.succeeded', 'checkout.session.completed')
        AND NOT EXISTS (SELECT FROM payments.purchases p
              WHERE p.id = i.purchase_id AND p.state IN ('credited', 'quarantined'))
    ORDER BY 1`,
  values: [environment],
});

/** Of the newest payments that are old enough to have been told of, how many were. */
export const webhookRecord = (environment: string | null, newest: number): Statement => ({
  text: `SELECT count(*)::int AS paid, count(*) FILTER (WHERE EXISTS (
        SELECT FROM payments.webhook_inbox i
         WHERE i.payment_intent_id = p.payment_intent_id))::int AS told
    FROM (SELECT payment_intent_id FROM payments.purchases
           WHERE ${HERE} AND state = 'credited'
             AND paid_seen_at < bursar.real_now() - interval '2 minutes'
             AND paid_seen_at > bursar.real_now() - interval '1 day'
           ORDER BY paid_seen_at DESC LIMIT $2) AS p`,
  values: [environment, newest],
});

export const stuck: Asked = (environment) => ({
  text: `SELECT id AS purchase FROM payments.purchases
    WHERE ${HERE} AND state = 'processing' AND updated_at < bursar.now() - interval '15 minutes'
    ORDER BY updated_at`,
  values: [environment],
});

export const processorState: Asked = (environment) => ({
  text: `SELECT clock_skew_seconds AS skew, endpoint_problem AS endpoint
    FROM payments.event_cursor WHERE ${HERE}`,
  values: [environment],
});

export const keepEndpointProblem = (
  environment: string,
  provider: string,
  problem: string | null,
): Statement => ({
  text: `INSERT INTO payments.event_cursor (environment, provider, endpoint_problem)
    VALUES ($1, $2, $3)
    ON CONFLICT (environment, provider) DO UPDATE SET endpoint_problem = excluded.endpoint_problem`,
  values: [environment, provider, problem],
});

/** A row comes back only where it did not ring already. */
export const raiseAlarm = (
  environment: string,
  provider: string,
  name: string,
  detail: string,
): Statement => ({
  text: `INSERT INTO payments.alarms AS a (environment, provider, name, detail)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (environment, provider, name) DO NOTHING RETURNING name`,
  values: [environment, provider, name, detail],
});

export const ringing = (environment: string, provider: string): Statement => ({
  text: `SELECT name, since FROM payments.alarms WHERE environment = $1 AND provider = $2`,
  values: [environment, provider],
});

export const endAlarms = (
  environment: string,
  provider: string,
  still: readonly string[],
): Statement => ({
  text: `DELETE FROM payments.alarms
    WHERE environment = $1 AND provider = $2 AND NOT name = ANY ($3) RETURNING name`,
  values: [environment, provider, still],
});
