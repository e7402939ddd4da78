import { z } from 'zod';
import type { Sim } from './sim.ts';

export const faultsSchema = z.strictObject({
  webhooks: z
    .enum([
      'normal',
      'drop',
      'delay',
      'duplicate',
      'shuffle',
      'wrong_signature',
      'old_signature',
      'future_signature',
    ])
    .default('normal'),
  webhook_delay_ms: z.int().min(0).max(600_000).default(0),
  webhook_copies: z.int().min(1).max(100).default(2),
  /** The endpoint hears of a change before the caller who made it does. */
  webhook_before_answer: z.boolean().default(false),
  api: z
    .enum([
      'normal',
      'error_500_after',
      'half_answer',
      'reset_after',
      'hang',
      'rate_limit',
      'lock_timeout',
      'key_revoked',
      'down',
    ])
    .default('normal'),
  /** How many requests the API fault meets; all if 0. */
  api_times: z.int().min(0).max(100_000).default(0),
  /** Only requests that begin so, for example `POST /v1/payment_intents`. */
  api_only: z.string().max(200).default(''),
  api_delay_ms: z.int().min(0).max(120_000).default(0),
  /** How far `GET /v1/events` is behind. */
  events_lag_seconds: z.int().min(0).max(86_400).default(0),
  tax: z.enum(['normal', 'down', 'inactive']).default('normal'),
});

export type Faults = z.infer<typeof faultsSchema>;

export const NO_FAULTS: Faults = faultsSchema.parse({});

/** The fault this request meets; counts it. */
export function faultFor(sim: Sim, request: string): Faults['api'] {
  const { api, api_only: only, api_times: times } = sim.faults;
  if (api === 'normal' || !request.startsWith(only)) return 'normal';
  if (times > 0) {
    const left = times - 1;
    sim.faults = { ...sim.faults, api_times: left, api: left === 0 ? 'normal' : api };
  }
  return api;
}
