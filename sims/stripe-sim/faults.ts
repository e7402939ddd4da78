import { z } from 'zod';

export const faultsSchema = z.strictObject({
  webhooks: z.enum(['normal', 'drop', 'delay', 'duplicate', 'shuffle']).default('normal'),
  webhook_delay_ms: z.int().min(0).max(600_000).default(0),
  webhook_copies: z.int().min(1).max(100).default(2),
  api: z.enum(['normal', 'error_500_after', 'hang', 'rate_limit', 'down']).default('normal'),
  tax: z.enum(['normal', 'down']).default('normal'),
  api_delay_ms: z.int().min(0).max(120_000).default(0),
});

export type Faults = z.infer<typeof faultsSchema>;

export const NO_FAULTS: Faults = faultsSchema.parse({});
