import type { AttemptResult } from './states.ts';
import type { Target } from './target.ts';

/** One attempt as it goes out. */
export interface Posting {
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Posted =
  | { readonly outcome: 'answered'; readonly status: number; readonly retryAfterSeconds?: number }
  | {
      readonly outcome: Extract<
        AttemptResult,
        'timed_out' | 'unreachable' | 'tls_failed' | 'broke_off' | 'no_public_address'
      >;
    };

/**
 * Sends one request to a stranger's server and answers within a bounded time. It resolves names
 * itself, connects to no address it has not judged, and follows no redirect. Never throws.
 */
export type Post = (posting: Posting) => Promise<Posted>;
