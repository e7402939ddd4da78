/**
 * What the pages and their server say about unusual spending. Shared with the browser, hence
 * zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const time = z.string();

export const WATCH_CHOICES = ['alert', 'pause', 'off'] as const;

export const anomaly = z.object({
  id: z.string(),
  level: z.enum(['api_key', 'organization']),
  subject_id: z.string(),
  /** As people call who spent. */
  subject: z.string(),
  state: z.enum(['open', 'acknowledged', 'resumed', 'passed']),
  /** What was charged within so many minutes, and the most that was before. */
  window_minutes: z.number(),
  spent_usd: usd,
  usual_usd: usd,
  opened_at: time,
  /** When its key was paused; null if it was only told of. */
  paused_at: z.nullable(time),
  ended_at: z.nullable(time),
  /** Whose answer ended it; null while open, and if it passed by itself. */
  ended_by: z.nullable(z.string()),
});

// GET /api/spend-watch; POST /api/spend-watch; POST /api/spend-watch/anomalies/:id/expected
export const watchResponse = z.object({
  action: z.enum(WATCH_CHOICES),
  /** Null where nobody has set it. */
  set: z.nullable(z.object({ by: z.string(), at: time })),
  /** Open ones first, then the newest. */
  anomalies: z.array(anomaly),
});
export const watchRequest = z.object({ action: z.enum(WATCH_CHOICES) });

export type Anomaly = z.infer<typeof anomaly>;
export type WatchResponse = z.infer<typeof watchResponse>;
export type WatchRequest = z.infer<typeof watchRequest>;
