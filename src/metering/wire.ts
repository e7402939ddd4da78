import type { JsonObject } from '#kernel/json';

/** What the upstream sent, read field by field. */
export type WireObject = JsonObject;

/** A count as money can be computed from it: whole, not negative, and exact as a number. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/**
 * Null and absence mean "none" where the wire format says so; undefined is returned for nonsense.
 */
export function countOrNone(value: unknown): number | undefined {
  if (value === null || value === undefined) return 0;
  return isCount(value) ? value : undefined;
}

/**
 * A model's name as it may be recorded. PostgreSQL takes neither a NUL nor half a surrogate pair
 * in jsonb: a row with one would be refused for ever, and its hold never resolved.
 */
export const modelName = (value: unknown): string | null =>
  typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value) ? value : null;
