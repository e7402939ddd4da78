import type { Statement } from '#db/pool';
import type { AttemptResult, DeliveryState } from './states.ts';

export interface DeliveryRow {
  readonly eventId: string;
  readonly type: string;
  readonly occurredAt: Date;
  readonly createdAt: Date;
  readonly state: DeliveryState;
  /** Of what waits; business time. */
  readonly dueAt: Date;
  readonly underWay: boolean;
  readonly body: string;
  readonly attempts: readonly AttemptRow[];
}

/** As JSON carries it: times as text. */
export interface AttemptRow {
  readonly number: number;
  readonly at: string;
  readonly result: AttemptResult | null;
  readonly status: number | null;
  readonly durationMs: number | null;
}

/** The newest first. `before` is the last one of the page before. */
export const listDeliveries = (of: {
  readonly organizationId: string;
  readonly endpointId: string;
  readonly before: string | null;
  readonly most: number;
  readonly attemptsMost: number;
}): Statement => ({
  text: `SELECT d.event_id AS "eventId", e.type, e.occurred_at AS "occurredAt", d.state,
      d.created_at AS "createdAt", d.due_at AS "dueAt", e.body,
      coalesce(d.leased_until >= bursar.real_now(), false) AS "underWay",
      coalesce((SELECT json_agg(json_build_object('number', a.number, 'result', a.result,
          'at', to_char(a.began_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'status', a.status, 'durationMs', a.duration_ms) ORDER BY a.number DESC)
        FROM (SELECT * FROM outgoing_webhooks.attempts AS one
               WHERE one.organization_id = d.organization_id AND one.endpoint_id = d.endpoint_id
                 AND one.event_id = d.event_id
               ORDER BY one.number DESC LIMIT $5) AS a), '[]') AS attempts
    FROM outgoing_webhooks.deliveries AS d JOIN outgoing_webhooks.events AS e
      ON e.organization_id = d.organization_id AND e.id = d.event_id
   WHERE d.organization_id = $1 AND d.endpoint_id = $2
     AND ($3::text IS NULL OR (d.created_at, d.event_id) < (SELECT created_at, event_id
       FROM outgoing_webhooks.deliveries
      WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3))
   ORDER BY d.created_at DESC, d.event_id DESC LIMIT $4`,
  values: [of.organizationId, of.endpointId, of.before, of.most, of.attemptsMost],
});

export interface StandingRow {
  readonly enabled: boolean;
  readonly underWay: boolean;
}

export const lockDelivery = (
  organizationId: string,
  endpointId: string,
  eventId: string,
): Statement => ({
  text: `SELECT e.status = 'enabled' AS enabled,
      coalesce(d.leased_until >= bursar.real_now(), false) AS "underWay"
    FROM outgoing_webhooks.deliveries AS d JOIN outgoing_webhooks.endpoints AS e
      ON e.organization_id = d.organization_id AND e.id = d.endpoint_id
   WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND d.event_id = $3 FOR UPDATE OF d`,
  values: [organizationId, endpointId, eventId],
});

export const resend = (organizationId: string, endpointId: string, eventId: string): Statement => ({
  text: `UPDATE outgoing_webhooks.deliveries
      SET state = 'waiting', tries = 0, due_at = bursar.now(), leased_until = NULL
    WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3`,
  values: [organizationId, endpointId, eventId],
});
