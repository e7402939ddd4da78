import { afterEach, describe, expect, test } from 'vitest';
import type { ContainerOwners } from '#orgs/containers';
import {
  ask,
  MODEL,
  question,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  streamEvents,
  type TestGateway,
} from '#test/gateway-world';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
afterEach(async () => {
  await gateway.gateway.close();
  await upstream.close();
});

const container = { id: 'container_1', expires_at: '2026-11-21T14:00:00Z' };
const usage = { input_tokens: 25, output_tokens: 15 };
const message = {
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' },
  ...{ content: [{ type: 'text', text: 'Hello' }], container, usage },
};
const delta = { stop_reason: 'end_turn', stop_sequence: null, container };
const events = [
  ...streamEvents().slice(0, -2),
  `event: message_delta\ndata: ${JSON.stringify({ type: 'message_delta', delta, usage })}\n\n`,
  ...streamEvents().slice(-1),
];
const bodyOf = (stream: boolean) => (stream ? events.join('') : JSON.stringify(message));

/** A gateway whose upstream made a container, and whose store notes it as `record` does. */
async function started(record: ContainerOwners['record']): Promise<void> {
  upstream = await scriptedUpstream((response, { body }) => {
    const stream = body.toString().includes('"stream":true');
    const type = stream ? 'text/event-stream' : 'application/json';
    response.writeHead(200, { 'content-type': type });
    response.end(bodyOf(stream));
  });
  const containers = { record, owned: async () => new Set<string>() };
  gateway = await startGateway(upstream.url, { containers });
}

describe.each([
  ['a stream', true],
  ['a JSON answer', false],
])('%s that made something', (_what, stream) => {
  test('is charged and over only once it is noted whose that is', async () => {
    let chargedBefore: number | undefined;
    await started(async () => {
      // Long enough for an answer that waits for nothing to be charged.
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
      chargedBefore = gateway.charging.resolved.size;
    });
    const answer = await ask(gateway, { body: { ...question, stream } });
    expect(chargedBefore).toBe(0);
    expect(answer.body.toString()).toBe(bodyOf(stream));
    expect(gateway.charging.only().resolution).toBe('settle');
  });

  test('is given out and charged all the same when that cannot be noted', async () => {
    await started(() => Promise.reject(new Error('away')));
    const answer = await ask(gateway, { body: { ...question, stream } });
    expect(answer.body.toString()).toBe(bodyOf(stream));
    expect(gateway.charging.only().resolution).toBe('settle');
  });
});
