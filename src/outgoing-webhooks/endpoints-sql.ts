import type { Statement } from '#db/pool';
import type { EndpointState } from './states.ts';

export interface EndpointRow {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly status: EndpointState;
  readonly statusAt: Date;
  readonly failingSince: Date | null;
  readonly oldSecretUntil: Date | null;
  readonly createdAt: Date;
}

const COLUMNS = `id, url, description, event_types AS "eventTypes", status, status_at AS "statusAt",
  failing_since AS "failingSince", created_at AS "createdAt",
  CASE WHEN old_secret_until > bursar.now() THEN old_secret_until END AS "oldSecretUntil"`;

export const listEndpoints = (organizationId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM outgoing_webhooks.endpoints WHERE organization_id = $1
    ORDER BY created_at, id`,
  values: [organizationId],
});

export const readEndpoint = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM outgoing_webhooks.endpoints WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id],
});

/** Whoever changes how many there are waits here, so that two cannot both be the last. */
export const lockOrganization = (organizationId: string): Statement => ({
  text: `SELECT pg_advisory_xact_lock(hashtextextended('outgoing_webhooks ' || $1, 0))`,
  values: [organizationId],
});

export const insertEndpoint = (endpoint: {
  readonly organizationId: string;
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly secret: Buffer;
  readonly createdBy: string;
}): Statement => ({
  text: `INSERT INTO outgoing_webhooks.endpoints
      (organization_id, id, url, description, event_types, secret, created_by)
    VALUES ($1, $2, $3, $4, $5::text[], $6, $7) RETURNING ${COLUMNS}`,
  values: [
    endpoint.organizationId,
    endpoint.id,
    endpoint.url,
    endpoint.description,
    endpoint.eventTypes,
    endpoint.secret,
    endpoint.createdBy,
  ],
});

export const updateEndpoint = (endpoint: {
  readonly organizationId: string;
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
}): Statement => ({
  text: `UPDATE outgoing_webhooks.endpoints SET url = $3, description = $4, event_types = $5::text[]
    WHERE organization_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
  values: [
    endpoint.organizationId,
    endpoint.id,
    endpoint.url,
    endpoint.description,
    endpoint.eventTypes,
  ],
});

export const deleteEndpoint = (organizationId: string, id: string): Statement => ({
  text: `DELETE FROM outgoing_webhooks.endpoints WHERE organization_id = $1 AND id = $2 RETURNING id`,
  values: [organizationId, id],
});

/** The one before the last is forgotten: two signatures are enough to be found by. */
export const rotateSecret = (
  organizationId: string,
  id: string,
  secret: Buffer,
  overlapSeconds: number,
): Statement => ({
  text: `UPDATE outgoing_webhooks.endpoints SET secret = $3, old_secret = secret,
      old_secret_until = bursar.now() + make_interval(secs => $4)
    WHERE organization_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
  values: [organizationId, id, secret, overlapSeconds],
});

/** What was failing before is forgiven with every move. */
export const moveEndpoint = (
  organizationId: string,
  id: string,
  from: readonly EndpointState[],
  to: EndpointState,
): Statement => ({
  text: `UPDATE outgoing_webhooks.endpoints
      SET status = $4, status_at = bursar.now(), failing_since = NULL
    WHERE organization_id = $1 AND id = $2 AND status = ANY ($3::text[])
    RETURNING ${COLUMNS}`,
  values: [organizationId, id, from, to],
});

export interface LockedRow {
  readonly status: EndpointState;
  /** Null where it does not fail. */
  readonly failedForLong: boolean | null;
}

/** Before the delivery, whose row comes second: everybody locks in this order. */
export const lockForResult = (
  organizationId: string,
  id: string,
  failingSecondsMax: number,
): Statement => ({
  text: `SELECT status, bursar.now() - failing_since >= make_interval(secs => $3) AS "failedForLong"
    FROM outgoing_webhooks.endpoints WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE`,
  values: [organizationId, id, failingSecondsMax],
});

export const setFailing = (organizationId: string, id: string, failing: boolean): Statement => ({
  text: `UPDATE outgoing_webhooks.endpoints
      SET failing_since = CASE WHEN $3 THEN coalesce(failing_since, bursar.now()) END
    WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id, failing],
});
