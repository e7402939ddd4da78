import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RefusalCode } from '#http/wire-errors';
import type { RequestId } from '#kernel/ids';

/** A request, as far as it decides whether another asks the same. */
export interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
  /** SHA-256 of path, query, body and the headers of the API, computed when first asked for. */
  digest(): Buffer;
}

/** `target` is the request target: path and query. Meaning is not looked at, only bytes. */
export function askedOf(target: string, headers: IncomingHttpHeaders, body: Buffer): Asked {
  let digest: Buffer | undefined;
  return {
    headers,
    bodyBytes: body.length,
    digest() {
      digest ??= createHash('sha256')
        .update(headOf(target, headers))
        .update('\0')
        .update(body)
        .digest();
      return digest;
    },
  };
}

// Hardly any request is ever compared, and most of those differ in length: few are hashed.
export const sameAsked = (one: Asked, other: Asked): boolean =>
  one.bodyBytes === other.bodyBytes && one.digest().equals(other.digest());

/** Version, beta features, user profile: headers of the API change the answer, others do not. */
export function headOf(target: string, headers: IncomingHttpHeaders): string {
  const spoken = Object.keys(headers).filter((name) => name.startsWith('anthropic-'));
  return JSON.stringify([target, ...spoken.sort().map((name) => [name, headers[name]])]);
}

/** How often a client library says it has tried before; 0 if it does not say. */
export function retryCountOf(headers: IncomingHttpHeaders): number {
  const count = headers['x-stainless-retry-count'];
  return typeof count === 'string' && /^\d{1,9}$/.test(count) ? Number.parseInt(count, 10) : 0;
}

export const KEY_HEADER = 'idempotency-key';

/** Undefined if none was sent, null if what was sent is none: 1 to 255 printable characters. */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | undefined | null {
  const key = headers[KEY_HEADER];
  if (key === undefined) return undefined;
  return typeof key === 'string' && /^[\x20-\x7e]{1,255}$/.test(key) ? key : null;
}

/** A call that asked the same with the same key, as a retry finds it. */
export interface Earlier {
  readonly requestId: RequestId;
  readonly ageMs: number;
  readonly state: /** Its answer is on the way, and a client waits for it. */
    | 'attended'
    /** Nobody waits for its answer, and what was sent of it can be sent again. */
    | 'deserted'
    /** Nobody waits, and what was sent is not kept. */
    | 'forgotten'
    /** Its answer ended without a client. */
    | 'ended';
}

export type RetryDecision =
  | { readonly action: 'adopt'; readonly requestId: RequestId }
  | { readonly action: 'execute'; readonly retryOf: RequestId | null };

/** Older calls are neither adopted nor linked: nobody retries after that. */
export const RETRY_WITHIN_MS = 900_000;

/**
 * Rule R. Exactly one deserted call is adopted: of two nobody knows whose they were. What is not
 * adopted is linked to the latest call it may repeat, before all to one that lost its client.
 */
export function decideRetry(retryCount: number, earlier: readonly Earlier[]): RetryDecision {
  if (retryCount < 1) return { action: 'execute', retryOf: null };
  const recent = earlier.filter(({ ageMs }) => ageMs <= RETRY_WITHIN_MS);
  const deserted = recent.filter(({ state }) => state === 'deserted' || state === 'forgotten');
  const [only] = deserted;
  if (deserted.length === 1 && only?.state === 'deserted') {
    return { action: 'adopt', requestId: only.requestId };
  }
  const left = recent.filter(({ state }) => state !== 'attended');
  return { action: 'execute', retryOf: latest(left) ?? latest(recent) ?? null };
}

const latest = (calls: readonly Earlier[]): RequestId | undefined =>
  calls.toSorted((one, other) => one.ageMs - other.ageMs)[0]?.requestId;

/** What this process knows of an Idempotency-Key that is in use in it. */
export interface KeyInUse {
  readonly sameAsked: boolean;
  /** Not admitted yet; then running, with or without all that was sent of its answer. */
  readonly state: 'entering' | 'joinable' | 'forgotten';
}

export type KeyDecision =
  /** The store decides, for all processes. */
  | { readonly action: 'claim' }
  /** Until it is known whether the first request is admitted. */
  | { readonly action: 'wait' }
  | { readonly action: 'join' }
  | { readonly action: 'refuse'; readonly code: RefusalCode };

export function decideKey(inUse: KeyInUse | undefined): KeyDecision {
  if (inUse === undefined) return { action: 'claim' };
  if (!inUse.sameAsked) return { action: 'refuse', code: 'idempotency_mismatch' };
  return DECISIONS[inUse.state];
}

const DECISIONS: Readonly<Record<KeyInUse['state'], KeyDecision>> = {
  entering: { action: 'wait' },
  joinable: { action: 'join' },
  forgotten: { action: 'refuse', code: 'idempotency_in_flight' },
};
