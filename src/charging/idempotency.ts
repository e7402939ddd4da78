import { hash } from 'node:crypto';
import * as sql from '#charging/idempotency-sql';
import type { Db } from '#db/pool';
import type { ApiKeyId, OrganizationId, RequestId } from '#kernel/ids';

/** A request that wants to be the only one executed under its Idempotency-Key. */
export interface KeyClaim {
  readonly organizationId: OrganizationId;
  readonly apiKeyId: ApiKeyId;
  /** As the client sent it. Only its hash is stored. */
  readonly key: string;
  /** SHA-256 of all that decides whether two requests ask the same. */
  readonly asked: Buffer;
  readonly requestId: RequestId;
}

export type ClaimOutcome =
  /** The key is this request's. It must get its hold within the minute, or release the key. */
  | { readonly outcome: 'claimed' }
  /**
   * It is another's, named here. in_flight: that one's hold is alive. finished: it was charged less
   * than a day ago. mismatch: one of the two, and it asked something else.
   */
  | {
      readonly outcome: 'in_flight' | 'finished' | 'mismatch';
      readonly requestId: RequestId;
    };

/**
 * Atomic over all processes. What a key's request has come to is read from its hold, so a request
 * that was never charged (refused, failed, its process died) leaves the key free. A lapsed hold is
 * ended with that: should its request be settled after all, it charges nothing (`superseded.ts`).
 */
export async function claimKey(db: Db, claim: KeyClaim): Promise<ClaimOutcome> {
  const [row] = await db.query<sql.ClaimRow>(sql.claimKey(named(claim)));
  if (row === undefined || row.outcome === 'claimed') return { outcome: 'claimed' };
  // Written by this statement from an id that had this type.
  return { outcome: row.outcome, requestId: row.request_id as RequestId };
}

/** Frees the key of a request that was refused before it was executed; another's is left alone. */
export async function releaseKey(db: Db, claim: KeyClaim): Promise<void> {
  await db.query(sql.releaseKey(named(claim)));
}

/** Removes up to `limit` keys that are free because their day is over. Returns how many. */
export async function forgetKeys(db: Db, limit: number): Promise<number> {
  return (await db.query(sql.forgetKeys(limit))).length;
}

const named = ({ key, ...claim }: KeyClaim): sql.NamedClaim => ({
  ...claim,
  keyHash: hash('sha256', key, 'buffer'),
});
