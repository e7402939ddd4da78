import { createHash } from 'node:crypto';
import { StripeFailure } from './error.ts';
import type { Sim } from './sim.ts';

/** The answer kept for an idempotency key. Request parameters are kept as a digest only. */
export interface SavedAnswer {
  id: string;
  /** Unix seconds of the business clock. */
  created: number;
  request_digest: string;
  status: number;
  body: string;
  request_id: string;
}

export interface KeyedRequest {
  key: string;
  digest: string;
}

const KEY_LENGTH_MAX = 255;
/** Stripe may forget keys after a day; the simulator does. */
const KEPT_SECONDS = 24 * 3600;

export function keyedRequest(key: string, path: string, encoded: string): KeyedRequest {
  if (key.length > KEY_LENGTH_MAX) {
    throw new StripeFailure(400, {
      type: 'idempotency_error',
      message: `Idempotency keys can be at most ${KEY_LENGTH_MAX} characters.`,
    });
  }
  const sorted = [...new URLSearchParams(encoded)].map((pair) => JSON.stringify(pair)).sort();
  const digest = createHash('sha256')
    .update(JSON.stringify([path, sorted]))
    .digest('hex');
  return { key, digest };
}

/** The saved answer, or undefined if the key is new. Refuses a key reused for other parameters. */
export function recall(sim: Sim, request: KeyedRequest): SavedAnswer | undefined {
  const saved = sim.store.saved_answers.get(request.key);
  if (saved === undefined || sim.now() - saved.created > KEPT_SECONDS) return undefined;
  if (saved.request_digest === request.digest) return saved;
  throw new StripeFailure(400, {
    type: 'idempotency_error',
    message:
      `Keys for idempotent requests can only be used with the same parameters they were first ` +
      `used with. Use another key than '${request.key}' for another request.`,
  });
}

export function inFlight(key: string): StripeFailure {
  return new StripeFailure(409, {
    type: 'invalid_request_error',
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotent Key: ${key}`,
  });
}

/** Refusals before execution began are not kept, so a corrected request may use the same key. */
export function isKept(status: number): boolean {
  return status < 300 || status === 402 || status >= 500;
}
