import { hash } from 'node:crypto';
import type { Db } from '#db/pool';
import { Fault } from '#kernel/assert';
import { type ApiKeyId, type BatchId, type OrganizationId, parseId } from '#kernel/ids';
import * as sql from './creation-keys-sql.ts';

/** A creation that wants to be the only one under its Idempotency-Key, of one API key. */
export interface CreationClaim {
  readonly organizationId: OrganizationId;
  readonly apiKeyId: ApiKeyId;
  /** As the client sent it. Only its hash is stored. */
  readonly key: string;
  /** SHA-256 of all that decides whether two creations ask the same. */
  readonly asked: Buffer;
  /** Names the claim: an id that no other batch has. */
  readonly batchId: BatchId;
}

export type CreationClaimed =
  /** The key is this creation's: until its batch is written down, it must be kept or released. */
  | { readonly outcome: 'claimed' }
  /** The batch that was made under it, less than a day ago. */
  | { readonly outcome: 'made'; readonly batchId: BatchId }
  /**
   * in_flight: its batch may still come to be. finished: its customer has deleted the batch.
   * mismatch: it asked something else.
   */
  | { readonly outcome: 'in_flight' | 'finished' | 'mismatch' };

/**
 * How long a claim stands that nobody keeps. Longer than the holds of a batch that is not written
 * down: when the key is free, so are they.
 */
const CLAIM_MS = 60_000;

/**
 * Atomic over all processes. What a key stands for is read from its batch, so a creation that was
 * refused, or whose process died before anything came of it, leaves the key free.
 */
export async function claimCreation(db: Db, claim: CreationClaim): Promise<CreationClaimed> {
  const [row] = await db.query<sql.ClaimRow>(sql.claimCreation(named(claim), CLAIM_MS));
  if (row === undefined) throw new Fault('a claim without an answer');
  if (row.outcome !== 'made') return { outcome: row.outcome };
  const batchId = parseId('batch', row.batch_id);
  if (batchId === undefined) throw new Fault('a stored key has an odd batch id');
  return { outcome: 'made', batchId };
}

export async function keepCreation(db: Db, claim: CreationClaim): Promise<void> {
  await db.query(sql.renewCreation(named(claim), CLAIM_MS));
}

/**
 * Puts the key down for the batch that is written in the same transaction. False if it is another's
 * by now: its maker stood still for too long, and the batch must not come to be.
 */
export async function bindCreation(tx: Db, claim: CreationClaim, batchId: BatchId) {
  return (await tx.query(sql.bindCreation(named(claim), batchId))).length > 0;
}

/** Frees the key of a creation of which nothing came; another's is left alone. */
export async function releaseCreation(db: Db, claim: CreationClaim): Promise<void> {
  await db.query(sql.releaseCreation(named(claim)));
}

/** Removes up to `limit` keys that are free because their day is over. Returns how many. */
export async function forgetCreations(db: Db, limit: number): Promise<number> {
  return (await db.query(sql.forgetCreations(limit))).length;
}

const named = ({ key, ...claim }: CreationClaim): sql.NamedClaim => ({
  ...claim,
  keyHash: hash('sha256', key, 'buffer'),
});
