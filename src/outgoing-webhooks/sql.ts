import type { Statement } from '#db/pool';
import type { AttemptResult, DeliveryState } from './states.ts';

export interface MessageRow {
  readonly organizationId: string;
  readonly id: string;
  readonly type: string;
  readonly occurredAt: Date;
  readonly body: string;
}

const valuesOf = (event: MessageRow): unknown[] => [
  event.organizationId,
  event.id,
  event.type,
  event.occurredAt,
  event.body,
];

/**
 * An event that nobody asked for leaves no row. The lock keeps an endpoint that is being removed
 * from failing whatever the caller's transaction is really about.
 */
export const insertEventForSubscribers = (event: MessageRow): Statement => ({
  text: `WITH subscribed AS (
      SELECT id FROM outgoing_webhooks.endpoints
       WHERE organization_id = $1 AND status = 'enabled'
         AND (event_types = '{}' OR $3 = ANY (event_types))
       FOR KEY SHARE
    ), event AS (
      INSERT INTO outgoing_webhooks.events (organization_id, id, type, occurred_at, body)
      SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT FROM subscribed)
      ON CONFLICT DO NOTHING RETURNING id
    )
    INSERT INTO outgoing_webhooks.deliveries (organization_id, endpoint_id, event_id)
    SELECT $1, subscribed.id, event.id FROM subscribed, event RETURNING endpoint_id`,
  values: valuesOf(event),
});

export interface TestedRow {
  readonly enabled: boolean;
}

/** Tests are counted one after the other, by a statement that begins when the lock is held. */
export const lockForTest = (organizationId: string, endpointId: string): Statement => ({
  text: `SELECT status = 'enabled' AS enabled FROM outgoing_webhooks.endpoints
    WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE`,
  values: [organizationId, endpointId],
});

export const countTests = (organizationId: string, endpointId: string): Statement => ({
  text: `SELECT count(*)::int AS tests FROM outgoing_webhooks.deliveries AS d
      JOIN outgoing_webhooks.events AS event
        ON event.organization_id = d.organization_id AND event.id = d.event_id
    WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND event.type = 'webhook.test'
      AND d.created_at > bursar.now() - interval '1 minute'`,
  values: [organizationId, endpointId],
});

export const insertEventForOne = (
  event: MessageRow & { readonly endpointId: string },
): Statement => ({
  text: `WITH event AS (
      INSERT INTO outgoing_webhooks.events (organization_id, id, type, occurred_at, body)
      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id
    )
    INSERT INTO outgoing_webhooks.deliveries (organization_id, endpoint_id, event_id)
    SELECT $1, $6, event.id FROM event`,
  values: [...valuesOf(event), event.endpointId],
});

/** One attempt somebody has taken upon himself, with all it needs. */
export interface ClaimedRow {
  readonly organizationId: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly number: number;
  readonly tries: number;
  readonly url: string;
  readonly secret: Buffer;
  /** Absent once its time is over. */
  readonly oldSecret: Buffer | null;
  readonly body: string;
}

/**
 * Takes what is due, the longest waiting first, but of one endpoint no more at a time than it may
 * have under way. A lease that ran out leaves an attempt whose end nobody noted: it says so, and
 * the event is sent again. Healthy endpoints and failing ones are claimed apart, so that the slow
 * do not take the places of the quick.
 */
export const claimDue = (claim: {
  readonly healthy: boolean;
  readonly most: number;
  readonly mostOfOne: number;
  readonly leaseSeconds: number;
}): Statement => ({
  text: `WITH due AS (
      SELECT d.organization_id, d.endpoint_id, d.event_id, d.due_at,
          row_number() OVER (PARTITION BY d.organization_id, d.endpoint_id
            ORDER BY d.leased_until >= bursar.real_now() DESC NULLS LAST, d.due_at, d.event_id)
            AS place,
          coalesce(d.leased_until >= bursar.real_now(), false) AS under_way
        FROM outgoing_webhooks.deliveries AS d JOIN outgoing_webhooks.endpoints AS e
          ON e.organization_id = d.organization_id AND e.id = d.endpoint_id
       WHERE d.state = 'waiting' AND d.due_at <= bursar.now() AND e.status = 'enabled'
         AND (e.failing_since IS NULL) = $1
    ), chosen AS (
      SELECT organization_id, endpoint_id, event_id FROM due
       WHERE place <= $3 AND NOT under_way ORDER BY due_at LIMIT $2
    ), locked AS (
      SELECT d.organization_id, d.endpoint_id, d.event_id
        FROM outgoing_webhooks.deliveries AS d JOIN chosen USING (organization_id, endpoint_id, event_id)
       WHERE d.state = 'waiting' AND d.due_at <= bursar.now()
         AND (d.leased_until IS NULL OR d.leased_until < bursar.real_now())
       FOR UPDATE OF d SKIP LOCKED
    ), claimed AS (
      UPDATE outgoing_webhooks.deliveries AS d SET attempts = d.attempts + 1, tries = d.tries + 1,
          leased_until = bursar.real_now() + make_interval(secs => $4)
        FROM locked
       WHERE d.organization_id = locked.organization_id AND d.endpoint_id = locked.endpoint_id
         AND d.event_id = locked.event_id
      RETURNING d.organization_id, d.endpoint_id, d.event_id, d.attempts, d.tries
    ), lost AS (
      UPDATE outgoing_webhooks.attempts AS a SET result = 'unknown' FROM claimed AS c
       WHERE a.organization_id = c.organization_id AND a.endpoint_id = c.endpoint_id
         AND a.event_id = c.event_id AND a.number < c.attempts AND a.result IS NULL
    ), noted AS (
      INSERT INTO outgoing_webhooks.attempts (organization_id, endpoint_id, event_id, number)
      SELECT organization_id, endpoint_id, event_id, attempts FROM claimed
    )
    SELECT c.organization_id AS "organizationId", c.endpoint_id AS "endpointId",
        c.event_id AS "eventId", c.attempts AS number, c.tries, e.url, e.secret, event.body,
        CASE WHEN e.old_secret_until > bursar.now() THEN e.old_secret END AS "oldSecret"
      FROM claimed AS c
      JOIN outgoing_webhooks.endpoints AS e
        ON e.organization_id = c.organization_id AND e.id = c.endpoint_id
      JOIN outgoing_webhooks.events AS event
        ON event.organization_id = c.organization_id AND event.id = c.event_id`,
  values: [claim.healthy, claim.most, claim.mostOfOne, claim.leaseSeconds],
});

export interface AttemptKey {
  readonly organizationId: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly number: number;
}

const keyOf = (key: AttemptKey): unknown[] => [
  key.organizationId,
  key.endpointId,
  key.eventId,
  key.number,
];

export const noteResult = (
  key: AttemptKey,
  end: {
    readonly result: AttemptResult;
    readonly status: number | null;
    readonly durationMs: number;
  },
): Statement => ({
  text: `UPDATE outgoing_webhooks.attempts SET result = $5, status = $6, duration_ms = $7
    WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3 AND number = $4`,
  values: [...keyOf(key), end.result, end.status, end.durationMs],
});

/**
 * A success counts whoever brings it. A failure counts only while nobody else has taken the
 * delivery up since: what that one does decides.
 */
export const endAttempt = (
  key: AttemptKey,
  state: DeliveryState,
  againInSeconds: number,
): Statement => ({
  text: `UPDATE outgoing_webhooks.deliveries
      SET state = $5, due_at = bursar.now() + make_interval(secs => $6), leased_until = NULL
    WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3 AND state = 'waiting'
      AND (attempts = $4 OR $5 = 'delivered')`,
  values: [...keyOf(key), state, againInSeconds],
});

export const purgeEvents = (days: number, most: number): Statement => ({
  text: `DELETE FROM outgoing_webhooks.events AS e USING (
      SELECT organization_id, id FROM outgoing_webhooks.events
       WHERE published_at < bursar.now() - make_interval(days => $1)
       ORDER BY published_at LIMIT $2) AS old
    WHERE e.organization_id = old.organization_id AND e.id = old.id
    RETURNING e.id`,
  values: [days, most],
});
