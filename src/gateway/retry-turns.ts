import type { LiveCalls } from '#gateway/live-calls';
import { decideRetry, retryCountOf } from '#gateway/repeats';
import { type Asking, join, type LiveCall, type Turn } from '#gateway/turn';

/**
 * Requests without an Idempotency-Key (money rule R). Decided and joined in one go, so that no two
 * retries adopt the same call.
 */
export const retryTurns =
  (calls: LiveCalls) =>
  (asking: Asking): Turn => {
    const { caller, requestId, asked } = asking;
    const { apiKeyId } = caller;
    const retryCount = retryCountOf(asked.headers);
    const earlier = retryCount === 0 ? [] : calls.earlier(apiKeyId, asked);
    const decision = decideRetry(retryCount, earlier);
    const adopted =
      decision.action === 'adopt' ? calls.find(apiKeyId, decision.requestId) : undefined;
    if (adopted !== undefined) return join(adopted, asking);
    let live: LiveCall | undefined;
    return {
      outcome: 'own',
      retryOf: decision.action === 'execute' ? decision.retryOf : null,
      valid: () => true,
      begin(audience, finished) {
        live = { requestId, asked, audience, finished };
        calls.enter(apiKeyId, live);
      },
      refused: async () => {},
      end() {
        if (live !== undefined) calls.leave(apiKeyId, live);
      },
    };
  };
