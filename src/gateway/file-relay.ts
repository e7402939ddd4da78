import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Client } from '#gateway/client';
import { sendRefusal } from '#gateway/guard';
import type { BodySink, Reading, Upstream, UpstreamCall } from '#gateway/upstream';
import { wholeBody } from '#gateway/whole';
import { clientHeaders, upstreamHeaders } from '#gateway/wire';
import { type RefusalCode, wireError } from '#http/wire-errors';

const ANSWER_BYTES_MAX = 4_194_304;

/** An answer of the upstream that may be shown, or why there is none. */
export type Answered =
  | {
      readonly outcome: 'answered';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  | { readonly outcome: 'refused'; readonly code: RefusalCode };

const refused = (code: RefusalCode): Answered => ({ outcome: 'refused', code });

// A redirect, or a refusal of the operator's key, says nothing to a client.
const isOurs = (status: number): boolean =>
  status === 401 || status === 402 || (status >= 300 && status < 400);

/** Asks for something small. Never rejects. */
export function answered(upstream: Upstream, call: UpstreamCall): Promise<Answered> {
  return new Promise((resolve) => {
    upstream.call(call, {
      start: (status, headers, reading) =>
        wholeBody(ANSWER_BYTES_MAX, reading, (result) => {
          if (result.how !== 'whole') return resolve(refused('upstream_malformed'));
          if (isOurs(status)) return resolve(refused('upstream_misconfigured'));
          resolve({ outcome: 'answered', status, headers, body: result.body });
        }),
      failed: (why) => resolve(refused(failures[why])),
    });
  });
}

const failures = {
  timed_out: 'upstream_timed_out',
  unreachable: 'upstream_unreachable',
  broke_off: 'upstream_unreachable',
} as const satisfies Record<string, RefusalCode>;

/** Of the headers of a file's content, what says what it is. */
const OF_CONTENT = ['content-length', 'content-disposition', 'last-modified', 'etag'] as const;

/** Relays content of any size as it comes, as slowly as it is read. Resolves when it is over. */
export function relayContent(
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
    function start(status: number, headers: IncomingHttpHeaders, reading: Reading): BodySink {
      if (isOurs(status)) {
        refuse('upstream_misconfigured');
        setImmediate(() => reading.abort('not an answer for the client'));
        return { data() {}, end() {}, failed() {} };
      }
      client.begin(status, { ...clientHeaders(headers, requestId), ...contentHeaders(headers) });
      return {
        data: (chunk) => client.write(chunk, reading),
        end() {
          client.end();
          done();
        },
        failed() {
          client.breakOff();
          done();
        },
      };
    }
    const abort = upstream.call(call, { start, failed: (why) => refuse(failures[why]) });
    client.onGone(() => abort('the client is gone'));
  });
}

function contentHeaders(upstream: IncomingHttpHeaders): Record<string, string> {
  // Whatever a customer has uploaded, a browser is not to run it as a page of this server.
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  for (const name of OF_CONTENT) {
    const value = upstream[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

export const callOf = (
  request: FastifyRequest,
  method: UpstreamCall['method'],
  path: string,
): UpstreamCall => ({ method, path, headers: upstreamHeaders(request.raw), body: Buffer.alloc(0) });

export function show(request: FastifyRequest, reply: FastifyReply, answer: Answered): FastifyReply {
  if (answer.outcome === 'refused') return sendRefusal(request, reply, answer.code);
  const headers = clientHeaders(answer.headers, request.id);
  return reply.code(answer.status).headers(headers).send(answer.body);
}

/** Undefined if it is no JSON. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
