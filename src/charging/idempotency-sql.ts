import type { Statement } from '#db/pool';
import type { ApiKeyId, OrganizationId, RequestId } from '#kernel/ids';
import type { RecordColumns } from '#metering/record';

export interface NamedClaim {
  readonly organizationId: OrganizationId;
  readonly apiKeyId: ApiKeyId;
  readonly keyHash: Buffer;
  readonly asked: Buffer;
  readonly requestId: RequestId;
}

export interface ClaimRow {
  readonly outcome: 'claimed' | 'in_flight' | 'finished' | 'mismatch';
  readonly request_id: string;
}

export const claimKey = (c: NamedClaim): Statement => ({
  name: 'charging.claim_key',
  text: 'SELECT * FROM charging.claim_key($1, $2, $3, $4, $5)',
  values: [c.organizationId, c.apiKeyId, c.keyHash, c.asked, c.requestId],
});

export const releaseKey = (c: NamedClaim): Statement => ({
  text: `DELETE FROM charging.idempotency_keys
          WHERE organization_id = $1 AND api_key_id = $2 AND key_hash = $3 AND request_id = $4`,
  values: [c.organizationId, c.apiKeyId, c.keyHash, c.requestId],
});

/** A key whose request still runs stays, however far the test clock was moved. */
export const forgetKeys = (limit: number): Statement => ({
  text: `DELETE FROM charging.idempotency_keys
          WHERE (organization_id, api_key_id, key_hash) IN (
            SELECT k.organization_id, k.api_key_id, k.key_hash
              FROM charging.idempotency_keys AS k
             WHERE k.expires_at <= bursar.now()
               AND ledger.hold_standing(k.organization_id, k.request_id) IS DISTINCT FROM 'alive'
             LIMIT $1 FOR UPDATE OF k SKIP LOCKED)
         RETURNING request_id`,
  values: [limit],
});

export interface LossRow {
  readonly noted: boolean;
}

/** `loss` in nano-USD, above zero. */
export const loseSuperseded = (
  org: OrganizationId,
  id: RequestId,
  loss: bigint,
  happened: Date | null,
  record: RecordColumns,
): Statement => ({
  text: `SELECT charging.lose_superseded($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
           $15) AS noted`,
  values: [org, id, loss, happened, ...record],
});
