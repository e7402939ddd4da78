import type { Dispatcher, Pool } from 'undici';
import type { Target } from './gateway-targets.ts';

export interface Shape {
  readonly name: string;
  readonly label: 'json' | 'sse' | 'paced';
  readonly stream: boolean;
  /** What the model is told, in the text of the request. */
  readonly asked: string;
}

export const SHAPES: readonly Shape[] = [
  { name: 'JSON', label: 'json', stream: false, asked: 'Hello' },
  { name: 'SSE of 50 events', label: 'sse', stream: true, asked: 'events=45' },
  {
    name: 'SSE of 20 events a second',
    label: 'paced',
    stream: true,
    asked: 'events=10 pace=50',
  },
];

/** What one call took, in ms: the whole, its first byte, and each event from model to client. */
export interface Taken {
  readonly totalMs: number;
  readonly firstMs: number;
  readonly eventsMs: readonly number[];
}

const STAMP = /@(\d+)/g;
const nowNs = (): bigint => process.hrtime.bigint();
const msBetween = (from: bigint, to: bigint): number => Number(to - from) / 1e6;

export function bodyOf({ stream, asked }: Shape): string {
  return JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 64,
    stream,
    messages: [{ role: 'user', content: asked }],
  });
}

export const optionsOf = (target: Target, body: string): Dispatcher.DispatchOptions => ({
  path: '/v1/messages',
  method: 'POST',
  headers: {
    ...target.headers,
    'anthropic-version': '2023-06-01',
    'content-type': 'application/json',
  },
  body,
});

/** One call, timed. Rejects if the answer is not the whole one that was asked for. */
export function timedCall(pool: Pool, target: Target, shape: Shape, body: string): Promise<Taken> {
  return new Promise((resolve, reject) => {
    const began = nowNs();
    const eventsMs: number[] = [];
    let first: bigint | undefined;
    let status = 0;
    let answer = '';
    pool.dispatch(optionsOf(target, body), {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData(_controller, chunk) {
        const now = nowNs();
        first ??= now;
        const text = chunk.toString('latin1');
        answer += text;
        if (shape.label !== 'paced') return;
        for (const [, stamp = '0'] of text.matchAll(STAMP)) {
          eventsMs.push(msBetween(BigInt(stamp), now));
        }
      },
      onResponseEnd() {
        const now = nowNs();
        const whole = shape.stream ? answer.includes('message_stop') : answer.endsWith('}');
        if (status !== 200 || !whole) {
          reject(new Error(`${target.name} answered ${status}: ${answer.slice(0, 300)}`));
          return;
        }
        const totalMs = msBetween(began, now);
        resolve({ totalMs, firstMs: msBetween(began, first ?? now), eventsMs });
      },
      onResponseError: (_controller, error) => reject(error),
    });
  });
}
