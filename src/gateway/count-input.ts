import type { IncomingMessage } from 'node:http';
import type { Upstream } from '#gateway/upstream';
import { wholeBody } from '#gateway/whole';
import { upstreamHeaders } from '#gateway/wire';
import { isObject } from '#metering/wire';

/** What counting takes of a Messages request; other fields it refuses. */
const COUNTED = [
  ...['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'],
  'cache_control',
];
const ANSWER_BYTES_MAX = 65_536;
const COUNT_MS = 2_000;

/**
 * How many tokens the input of a Messages request is, as the upstream counts it for free. Undefined
 * where it does not say so soon: a quote then goes by what the body proves.
 */
export function countInput(
  upstream: Upstream,
  raw: IncomingMessage,
  body: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  const asked = Object.fromEntries(
    COUNTED.filter((name) => body[name] !== undefined).map((name) => [name, body[name]]),
  );
  return new Promise((resolve) => {
    const abort = upstream.call(
      {
        method: 'POST',
        path: '/v1/messages/count_tokens',
        headers: upstreamHeaders(raw),
        body: Buffer.from(JSON.stringify(asked)),
      },
      {
        start: (status, _headers, reading) =>
          wholeBody(ANSWER_BYTES_MAX, reading, (result) => {
            const readable = status === 200 && result.how === 'whole';
            settle(readable ? tokensOf(result.body) : undefined);
          }),
        failed: () => settle(undefined),
      },
    );
    const timer = setTimeout(() => {
      settle(undefined);
      abort('counting takes too long');
    }, COUNT_MS);
    function settle(tokens: number | undefined): void {
      clearTimeout(timer);
      resolve(tokens);
    }
  });
}

function tokensOf(body: Buffer): number | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const tokens = isObject(answer) ? answer.input_tokens : undefined;
  return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0
    ? tokens
    : undefined;
}
