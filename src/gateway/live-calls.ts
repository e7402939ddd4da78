import { type Asked, type Earlier, RETRY_WITHIN_MS, sameAsked } from '#gateway/repeats';
import type { LiveCall } from '#gateway/turn';
import type { Clock } from '#kernel/clock';
import type { ApiKeyId, RequestId } from '#kernel/ids';

/** The calls of this process that a retry may repeat: those under way, and some that lost their client. */
export interface LiveCalls {
  enter(apiKeyId: ApiKeyId, call: LiveCall): void;
  leave(apiKeyId: ApiKeyId, call: LiveCall): void;
  /** What this key asked before in the same words. */
  earlier(apiKeyId: ApiKeyId, asked: Asked): readonly Earlier[];
  find(apiKeyId: ApiKeyId, requestId: RequestId): LiveCall | undefined;
}

// Some 200 bytes each. Only calls that ended without a client are remembered, so they are few.
const ENDED_MAX = 10_000;

export function liveCalls(clock: Clock, endedMax = ENDED_MAX): LiveCalls {
  const live = new Map<ApiKeyId, Map<RequestId, LiveCall & { readonly beganMs: number }>>();
  // The latest of each, oldest first.
  const ended = new Map<string, { readonly requestId: RequestId; readonly beganMs: number }>();

  const nameOf = (apiKeyId: ApiKeyId, asked: Asked): string =>
    `${apiKeyId} ${asked.digest().toString('base64')}`;

  function remember(apiKeyId: ApiKeyId, { requestId, asked }: LiveCall, beganMs: number): void {
    const name = nameOf(apiKeyId, asked);
    ended.delete(name);
    ended.set(name, { requestId, beganMs });
    const [oldest] = ended.keys();
    if (ended.size > endedMax && oldest !== undefined) ended.delete(oldest);
  }

  return {
    enter(apiKeyId, call) {
      const ofKey = live.get(apiKeyId) ?? new Map();
      live.set(apiKeyId, ofKey);
      ofKey.set(call.requestId, { ...call, beganMs: clock.elapsedMs() });
    },
    leave(apiKeyId, call) {
      const ofKey = live.get(apiKeyId);
      const kept = ofKey?.get(call.requestId);
      if (ofKey === undefined || kept === undefined) return;
      ofKey.delete(call.requestId);
      if (ofKey.size === 0) live.delete(apiKeyId);
      // Also one that leaves before the end of the answer has left this process.
      call.audience.onGone(() => remember(apiKeyId, call, kept.beganMs));
    },
    earlier(apiKeyId, asked) {
      const now = clock.elapsedMs();
      const found: Earlier[] = [];
      for (const call of live.get(apiKeyId)?.values() ?? []) {
        const { audience, requestId, beganMs } = call;
        if (!sameAsked(call.asked, asked)) continue;
        const unattended = audience.joinable ? 'deserted' : 'forgotten';
        const state = audience.gone ? unattended : 'attended';
        found.push({ requestId, ageMs: now - beganMs, state });
      }
      const name = nameOf(apiKeyId, asked);
      const last = ended.get(name);
      if (last === undefined) return found;
      const ageMs = now - last.beganMs;
      if (ageMs > RETRY_WITHIN_MS) ended.delete(name);
      return [...found, { requestId: last.requestId, ageMs, state: 'ended' }];
    },
    find: (apiKeyId, requestId) => live.get(apiKeyId)?.get(requestId),
  };
}
