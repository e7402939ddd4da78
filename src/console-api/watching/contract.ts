/**
 * What the checklist on the Billing page and its server say. Shared with the browser, hence zod/mini
 * and no other import.
 */
import * as z from 'zod/mini';

const state = z.enum(['ok', 'weak', 'nobody']);

const watcher = z.object({
  kind: z.enum(['member', 'address', 'endpoint', 'program', 'operator', 'card']),
  /** Address or host; null where it is not for the viewer to know, or there is none. */
  name: z.nullable(z.string()),
  role: z.nullable(
    z.enum(['user', 'claude_code_user', 'limited_developer', 'developer', 'billing', 'admin']),
  ),
  you: z.boolean(),
  note: z.nullable(z.enum(['unreached', 'left', 'may_not_buy'])),
  card: z.optional(z.object({ brand: z.string(), last4: z.string() })),
});
export type WatcherView = z.infer<typeof watcher>;

const duty = z.object({
  duty: z.enum(['buy', 'low', 'access', 'payments', 'reload', 'notice', 'card']),
  title: z.string(),
  state,
  sentence: z.string(),
  /** Where it is put right; null where there is nothing to do. */
  fix: z.nullable(z.enum(['members', 'notices', 'reload', 'cards'])),
  watchers: z.array(watcher),
});
export type DutyView = z.infer<typeof duty>;

// GET /api/billing/watching
export const watchingResponse = z.object({
  state,
  summary: z.string(),
  duties: z.array(duty),
});
export type WatchingResponse = z.infer<typeof watchingResponse>;
