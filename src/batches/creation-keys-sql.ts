import type { Statement } from '#db/pool';
import type { BatchId } from '#kernel/ids';

export interface NamedClaim {
  readonly organizationId: string;
  readonly apiKeyId: string;
  readonly keyHash: Buffer;
  readonly asked: Buffer;
  readonly batchId: BatchId;
}

export interface ClaimRow {
  readonly outcome: 'claimed' | 'made' | 'in_flight' | 'finished' | 'mismatch';
  readonly batch_id: string;
}

export const claimCreation = (c: NamedClaim, leaseMs: number): Statement => ({
  text: 'SELECT * FROM batches.claim_creation($1, $2, $3, $4, $5, $6)',
  values: [c.organizationId, c.apiKeyId, c.keyHash, c.asked, c.batchId, leaseMs],
});

const THIS = `organization_id = $1 AND api_key_id = $2 AND key_hash = $3 AND batch_id = $4`;
const named = (c: NamedClaim): unknown[] => [c.organizationId, c.apiKeyId, c.keyHash, c.batchId];

export const renewCreation = (c: NamedClaim, leaseMs: number): Statement => ({
  text: `UPDATE batches.creation_keys
      SET claimed_until = greatest(claimed_until,
            bursar.real_now() + make_interval(secs => $5 / 1000.0))
    WHERE ${THIS}`,
  values: [...named(c), leaseMs],
});

/** No row if the key is another's by now. The row stays locked until the batch is written down. */
export const bindCreation = (c: NamedClaim, batchId: BatchId): Statement => ({
  text: `UPDATE batches.creation_keys SET batch_id = $5 WHERE ${THIS} RETURNING 1`,
  values: [...named(c), batchId],
});

export const releaseCreation = (c: NamedClaim): Statement => ({
  text: `DELETE FROM batches.creation_keys WHERE ${THIS}`,
  values: named(c),
});

export const forgetCreations = (limit: number): Statement => ({
  text: `DELETE FROM batches.creation_keys
          WHERE (organization_id, api_key_id, key_hash) IN (
            SELECT k.organization_id, k.api_key_id, k.key_hash
              FROM batches.creation_keys AS k
             WHERE k.expires_at <= bursar.now() AND batches.creation_standing(k) <> 'making'
             ORDER BY k.expires_at LIMIT $1 FOR UPDATE OF k SKIP LOCKED)
         RETURNING 1`,
  values: [limit],
});
