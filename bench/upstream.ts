import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The leanest model there can be, for benches: answers that were made beforehand, and streams whose
 * every event says when it was written, by the clock all processes of a machine share. A request
 * chooses by its text: `events=N pace=MS`. Run as a process of its own; prints its URL.
 */
const usage = { input_tokens: 10, output_tokens: 20 };
const head = { id: 'msg_bench', type: 'message', role: 'assistant', model: 'claude-opus-5-5' };
const whole = JSON.stringify({
  ...head,
  content: [{ type: 'text', text: 'A meter that reads what was delivered, and nothing else.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
});
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start = event('message_start', {
  message: {
    ...head,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  },
});
const opening = event('content_block_start', {
  index: 0,
  content_block: { type: 'text', text: '' },
});
const closing =
  event('content_block_stop', { index: 0 }) +
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }) +
  event('message_stop', {});

const stamped = (): string =>
  event('content_block_delta', {
    index: 0,
    delta: { type: 'text_delta', text: `@${process.hrtime.bigint()} and some words ` },
  });

const numberIn = (text: string, name: string, otherwise: number): number =>
  Number(new RegExp(`${name}=(\\d+)`).exec(text)?.[1] ?? otherwise);

async function stream(response: ServerResponse, asked: string): Promise<void> {
  const [events, pace] = [numberIn(asked, 'events', 20), numberIn(asked, 'pace', 0)];
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  if (pace === 0) {
    const deltas = Array.from({ length: events }, stamped).join('');
    response.end(start + opening + deltas + closing);
    return;
  }
  response.write(start + opening + stamped());
  for (let sent = 1; sent < events && !response.destroyed; sent += 1) {
    await pause(pace);
    response.write(stamped());
  }
  response.end(closing);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const asked = Buffer.concat(chunks).toString();
    if (/"stream":\s*true/.test(asked)) {
      void stream(response, asked);
      return;
    }
    const length = Buffer.byteLength(whole);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
    response.end(whole);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  console.log(`http://127.0.0.1:${address.port}`);
});
process.stdin.resume().on('end', () => process.exit(0));
