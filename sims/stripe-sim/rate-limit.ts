import { StripeFailure } from './error.ts';
import type { Sim } from './sim.ts';

/** As many requests each second as the settings say; a sandbox allows 25. 0 is no limit. */
export function createRateLimit(sim: Sim): () => void {
  let tokens = 0;
  let filledAt = Number.NEGATIVE_INFINITY;
  return () => {
    const perSecond = sim.settings().rate_limit_per_second;
    if (perSecond === 0) return;
    // Real time: how fast a caller is has nothing to do with the business clock.
    const now = performance.now();
    tokens = Math.min(perSecond, tokens + ((now - filledAt) / 1000) * perSecond);
    filledAt = now;
    if (tokens >= 1) {
      tokens -= 1;
      return;
    }
    throw new StripeFailure(429, {
      type: 'invalid_request_error',
      code: 'rate_limit',
      message: 'Request rate limit exceeded.',
    });
  };
}
