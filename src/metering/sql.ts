import type { Statement } from '#db/pool';
import type { RequestId } from '#kernel/ids';

export interface RequestRow {
  readonly organization_id: string;
  readonly request_id: string;
  readonly api_key_id: string;
  readonly workspace_id: string;
  readonly model: string;
  readonly rule: string;
  readonly usage: unknown;
  readonly price_version: string;
  readonly charged_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly client_disconnected: boolean;
  readonly estimated: boolean;
  readonly quarantined: boolean;
  readonly started_at: Date;
  readonly settled_at: Date;
}

export interface MarginRow {
  readonly model: string;
  readonly requests: bigint;
  readonly list: string;
  readonly charged: string;
  readonly overrun: string;
  readonly loss: string;
  readonly upstream: string;
  readonly without_cost: bigint;
}

/** Sums by model of requests whose cost upstream was known when they were charged. */
export const margins = (from: Date, until: Date, organizationId: string | null): Statement => ({
  text: `SELECT model, count(*) AS requests,
      coalesce(sum(list) FILTER (WHERE known), 0)::text AS list,
      coalesce(sum(charged_nanos) FILTER (WHERE known), 0)::text AS charged,
      coalesce(sum(overrun_nanos) FILTER (WHERE known), 0)::text AS overrun,
      coalesce(sum(loss_nanos), 0)::text AS loss,
      coalesce(sum(upstream) FILTER (WHERE known), 0)::text AS upstream,
      count(*) FILTER (WHERE NOT known AND charged_nanos + overrun_nanos + loss_nanos > 0)
        AS without_cost
    FROM (SELECT r.*, (usage ->> 'list_nanos')::numeric AS list,
                 (usage ->> 'upstream_nanos')::numeric AS upstream,
                 usage ->> 'upstream_nanos' IS NOT NULL AS known
            FROM metering.requests r
           WHERE settled_at >= $1 AND settled_at < $2
             AND ($3::text IS NULL OR organization_id = $3)) AS r
    GROUP BY model ORDER BY sum(charged_nanos) DESC, model`,
  values: [from, until, organizationId],
});

/**
 * One request by its id, whoever's it is: for operators. Asks the key of one organization after the
 * other, because an index on the id alone would be paid for by every request.
 */
export const requestById = (requestId: RequestId): Statement => ({
  text: `WITH RECURSIVE owners AS (
           SELECT min(organization_id) AS id FROM metering.requests
           UNION ALL
           SELECT (SELECT min(r.organization_id) FROM metering.requests r
                    WHERE r.organization_id > owners.id)
             FROM owners WHERE owners.id IS NOT NULL)
         SELECT r.* FROM owners CROSS JOIN LATERAL (
           SELECT * FROM metering.requests
            WHERE organization_id = owners.id AND request_id = $1) AS r`,
  values: [requestId],
});
