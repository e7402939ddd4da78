import { type Agent, request } from 'node:http';
import type { Wish } from './endings.ts';

export type Opened =
  /** The status of the answer, and whether the client stayed for all of it. */
  | { readonly how: 'answered'; readonly status: number; readonly whole: boolean }
  /** It left before there was an answer, or its connection broke. */
  | { readonly how: 'gone' };

/** Opens one stream and cuts it where it is to be cut. Never rejects. */
export function openStream(
  agent: Agent,
  gateway: string,
  apiKey: string,
  { model, scenario, cut, payer }: Wish,
): Promise<Opened> {
  const body = JSON.stringify({
    model,
    max_tokens: 64,
    stream: true,
    messages: [{ role: 'user', content: 'One of very many, and perhaps not for long.' }],
  });
  return new Promise((resolve) => {
    const call = request(`${gateway}/v1/messages`, {
      method: 'POST',
      agent,
      headers: {
        'x-api-key': apiKey,
        'anthropic-version': '2023-06-01',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-sim-scenario': scenario,
        'x-payer': String(payer),
      },
    });
    const timer = cut.when === 'time' ? setTimeout(() => call.destroy(), cut.ms) : undefined;
    const done = (opened: Opened): void => {
      clearTimeout(timer);
      resolve(opened);
    };
    call.on('error', () => done({ how: 'gone' }));
    call.on('response', (response) => {
      const status = response.statusCode ?? 0;
      let bytes = 0;
      response.on('error', () => {});
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (cut.when === 'bytes' && bytes >= cut.count) call.destroy();
      });
      response.on('close', () => done({ how: 'answered', status, whole: response.complete }));
    });
    call.end(body);
  });
}
