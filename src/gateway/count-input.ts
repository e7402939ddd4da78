import type { IncomingMessage } from 'node:http';
import { smallAnswer } from '#gateway/small-answer';
import type { Upstream } from '#gateway/upstream';
import { upstreamHeaders } from '#gateway/wire';
import { isObject } from '#kernel/json';

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
export async function countInput(
  upstream: Upstream,
  raw: IncomingMessage,
  body: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  const asked = Object.fromEntries(
    COUNTED.filter((name) => body[name] !== undefined).map((name) => [name, body[name]]),
  );
  const { model } = body;
  const route = typeof model === 'string' ? model : undefined;
  return await askForCount(upstream, route, upstreamHeaders(raw), asked);
}

const OWN_HEADERS = [
  ...['accept-encoding', 'identity', 'content-type', 'application/json'],
  ...['anthropic-version', '2023-06-01'],
];

/**
 * How many tokens of that model a text is; undefined as for `countInput`. An upstream is asked that
 * serves `route`: the model that answers may go by another name.
 */
export function countText(
  upstream: Upstream,
  route: string,
  model: string,
  text: string,
): Promise<number | undefined> {
  const messages = [{ role: 'user', content: text }];
  return askForCount(upstream, route, OWN_HEADERS, { model, messages });
}

async function askForCount(
  upstream: Upstream,
  route: string | undefined,
  headers: readonly string[],
  asked: object,
): Promise<number | undefined> {
  const answer = await smallAnswer(
    upstream,
    {
      method: 'POST',
      path: '/v1/messages/count_tokens',
      headers,
      body: Buffer.from(JSON.stringify(asked)),
      model: route,
    },
    { ms: COUNT_MS, bytesMax: ANSWER_BYTES_MAX },
  );
  const tokens = isObject(answer) ? answer.input_tokens : undefined;
  return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0
    ? tokens
    : undefined;
}
