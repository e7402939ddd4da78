import { z } from 'zod';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';

/** How one call to one upstream went, up to the head of its answer. */
export const ATTEMPT_OUTCOMES = [
  /** A success, passed on. How its body ended is the request's rule. */
  'answered',
  /** An error status, passed on or followed by another attempt. */
  'refused',
  /** Never connected: nothing was sent. */
  'unreachable',
  /** Sent, and the connection was lost before any answer. */
  'broke_off',
  /** Sent, and no answer in time. */
  'timed_out',
  /** Nobody waited for it any more. */
  'given_up',
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** One upstream that was asked for an answer. A request has one charge, whatever it took. */
export interface UpstreamAttempt {
  /** The operator's name for it. */
  readonly upstream: string;
  readonly outcome: AttemptOutcome;
  readonly status: number | null;
  /** Until the head of the answer, or until it failed. */
  readonly elapsedMs: number;
  /**
   * What the operator pays for it. Null where that is not known: of what was sent and never
   * answered, the upstream's invoice decides (F47).
   */
  readonly cost: NanoUsd | null;
}

/** What an attempt costs that brought no success. */
export const costOfFailed = (outcome: AttemptOutcome): NanoUsd | null =>
  outcome === 'refused' || outcome === 'unreachable' ? ZERO : null;

const count = z.int().nonnegative();
const digits = z.string().regex(/^\d{1,19}$/);
const amount = digits.transform((text) => nanos(BigInt(text)));

/** Rows are short: every request has one. */
const packed = z.array(
  z.tuple([z.string(), z.enum(ATTEMPT_OUTCOMES), count.nullable(), count, amount.nullable()]),
);

export const packAttempts = (attempts: readonly UpstreamAttempt[]): unknown[] =>
  attempts.map(({ upstream, outcome, status, elapsedMs, cost }) => [
    ...[upstream, outcome, status, elapsedMs],
    cost === null ? null : cost.toString(),
  ]);

/** What cannot be read is left out: it explains, and decides nothing. */
export function readAttempts(value: unknown): readonly UpstreamAttempt[] {
  const read = packed.safeParse(value);
  if (!read.success) return [];
  return read.data.map(([upstream, outcome, status, elapsedMs, cost]) => ({
    ...{ upstream, outcome, status, elapsedMs, cost },
  }));
}

/** As a journal keeps them: amounts are digits in text. */
export const attemptsSchema = z.array(
  z.object({
    upstream: z.string(),
    outcome: z.enum(ATTEMPT_OUTCOMES),
    status: count.nullable(),
    elapsedMs: count,
    cost: amount.nullable(),
  }),
);
