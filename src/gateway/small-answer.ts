import type { Upstream, UpstreamCall } from '#gateway/upstream';
import { wholeBody } from '#gateway/whole';

/**
 * What the upstream answers to a free question of our own, as JSON. Undefined where it does not say
 * so soon, or says anything but a success.
 */
export function smallAnswer(
  upstream: Upstream,
  call: UpstreamCall,
  limits: { readonly ms: number; readonly bytesMax: number },
): Promise<unknown> {
  return new Promise((resolve) => {
    // An upstream that is closed says so before it returns.
    let timer: NodeJS.Timeout | undefined;
    const abort = upstream.call(call, {
      start: (status, _headers, reading) =>
        wholeBody(limits.bytesMax, reading, (result) => {
          settle(status === 200 && result.how === 'whole' ? parsed(result.body) : undefined);
        }),
      failed: () => settle(undefined),
    });
    timer = setTimeout(() => {
      settle(undefined);
      abort('an answer of no weight takes too long');
    }, limits.ms);
    function settle(answer: unknown): void {
      clearTimeout(timer);
      resolve(answer);
    }
  });
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
