import type { Client } from '#gateway/client';
import type { Upstream, UpstreamCall } from '#gateway/upstream';
import { wholeBody } from '#gateway/whole';
import { clientHeaders } from '#gateway/wire';
import { type RefusalCode, wireError } from '#http/wire-errors';

const ANSWER_BYTES_MAX = 1_048_576;

/** Relays a call that costs nothing. Resolves when it is over, whichever way. */
export function freeCall(
  upstream: Upstream,
  call: UpstreamCall,
  client: Client,
  requestId: string,
): Promise<void> {
  return new Promise((done) => {
    function refuse(code: RefusalCode): void {
      const error = wireError(code, { requestId });
      client.send(error.status, { ...error.headers }, error.body);
      done();
    }
    const abort = upstream.call(call, {
      start: (status, headers, reading) =>
        wholeBody(ANSWER_BYTES_MAX, reading, (result) => {
          if (result.how !== 'whole') return refuse('upstream_malformed');
          // A redirect, or a refusal of the operator's key, says nothing to this client.
          const ours = status === 401 || status === 402 || (status >= 300 && status < 400);
          if (ours) return refuse('upstream_misconfigured');
          client.send(status, clientHeaders(headers, requestId), result.body);
          done();
        }),
      failed: (why) => refuse(why === 'timed_out' ? 'upstream_timed_out' : 'upstream_unreachable'),
    });
    client.onGone(() => abort('the client is gone'));
  });
}
