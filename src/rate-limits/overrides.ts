import { PER_MINUTE_MAX } from './bucket.ts';
import { isRecord } from './json.ts';
import { LIMIT_KINDS, type Limits } from './tiers.ts';

/** What a customer limits one of his workspaces to: by id of the class, only what he limits. */
export type Overrides = ReadonlyMap<string, Partial<Limits>>;

/** Endpoints with a limit of requests of their own; a workspace is limited in them by these names. */
export const ENDPOINTS = ['count_tokens', 'batches'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export const NO_OVERRIDES: Overrides = new Map();

/** As they are stored, `{"opus-5": {"requests": 10}}`. What is none of that limits nothing. */
export function readOverrides(stored: unknown): Overrides {
  if (!isRecord(stored)) return NO_OVERRIDES;
  const read = Object.entries(stored).flatMap(([classId, given]): [string, Partial<Limits>][] => {
    if (!isRecord(given)) return [];
    const limits = LIMIT_KINDS.flatMap((kind) => {
      const value = given[kind];
      const fits = typeof value === 'number' && Number.isInteger(value);
      return fits && value >= 1 && value <= PER_MINUTE_MAX ? [[kind, value] as const] : [];
    });
    return limits.length === 0 ? [] : [[classId, Object.fromEntries(limits)]];
  });
  return read.length === 0 ? NO_OVERRIDES : new Map(read);
}
