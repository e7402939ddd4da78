import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'vitest';
import {
  eventually,
  type ScriptedUpstream,
  scriptedUpstream,
  startGateway,
  type TestGateway,
} from '#test/gateway-world';

/** An upstream whose answers a test gives itself, call by call, and gateways that ask it. */
export interface AnswersByHand {
  readonly upstream: ScriptedUpstream;
  gateway(options?: Parameters<typeof startGateway>[1]): Promise<TestGateway>;
  /** Waits until it was called so often, and never more. */
  calls(count: number): Promise<void>;
  /** The answer to be given to a call; the first is 0. */
  answer(call: number): ServerResponse;
  /** Sends parts of a stream, which may go on. */
  stream(call: number, parts: readonly string[]): void;
  /** Forgets all calls so far. */
  forget(): void;
  close(): Promise<void>;
}

export async function answersByHand(): Promise<AnswersByHand> {
  const answers: ServerResponse[] = [];
  const upstream = await scriptedUpstream((response) => void answers.push(response));
  const closing = [() => upstream.close()];
  const answer = (call: number): ServerResponse => answers[call] ?? expect.fail('not called');
  return {
    upstream,
    answer,
    async gateway(options = {}) {
      const started = await startGateway(upstream.url, options);
      closing.push(() => started.gateway.close());
      return started;
    },
    async calls(count) {
      await eventually(() => answers.length >= count);
      expect(answers).toHaveLength(count);
    },
    stream(call, parts) {
      const response = answer(call);
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const part of parts) response.write(part);
    },
    forget() {
      answers.length = 0;
      upstream.seen.length = 0;
    },
    async close() {
      for (const close of closing.splice(0).reverse()) await close();
    },
  };
}

/** Resolves when that many more requests are read and being worked on. */
export function arrived({ gateway }: TestGateway, count = 1): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    gateway.app.server.on('request', (request: IncomingMessage) => {
      request.on('end', () => {
        left -= 1;
        if (left === 0) setImmediate(resolve);
      });
    });
  });
}
