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
