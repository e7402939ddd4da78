import { expect, test } from 'vitest';
import { smallAnswer } from '#gateway/small-answer';

test('an upstream that is closed already says so at once, and that is no answer', async () => {
  const upstream = {
    call(_call: unknown, sink: { failed(why: 'unreachable', error: Error): void }) {
      sink.failed('unreachable', new Error('closed'));
      return () => {};
    },
    close: async () => {},
  };
  const call = { method: 'GET', path: '/', headers: [], body: Buffer.alloc(0) } as const;
  expect(await smallAnswer(upstream, call, { ms: 1_000, bytesMax: 10 })).toBeUndefined();
});
