import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ScriptedUpstream, scriptedUpstream } from '#test/gateway-world';
import {
  type GatewayRunFile,
  joinGateway,
  type Product,
  type Running,
  startProduct,
} from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import { MODEL } from './shapes.ts';
import { until } from './until.ts';

const body = JSON.stringify({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Who is this from?' }],
});
const own = {
  ...{ id: 'msg_own', type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' },
  content: [{ type: 'text', text: 'From the first.' }],
  usage: { input_tokens: 25, output_tokens: 15 },
};
const asked = z.array(
  z.object({ upstream: z.string(), outcome: z.string(), status: z.int().nullable() }),
);
const receipt = z.object({ charged_usd: z.string(), upstream_attempts: asked });

let folder: string;
let product: Product;
let gateway: Running<GatewayRunFile>;
let account: Account;
let first: ScriptedUpstream;

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const list = () =>
  [
    'upstreams:',
    `  - { name: first, url: "${first.url}", key_file: first.key }`,
    `  - { name: spare, url: "${product.run.model_sim}", key: simulated, weight: 0 }`,
  ].join('\n');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bursar-upstreams-'));
  // Takes one key, and it is not the one it is asked with at first.
  first = await scriptedUpstream((response, { headers }) => {
    const good = headers['x-api-key'] === 'second-key';
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(good ? own : { type: 'error' }));
  });
  product = await startProduct();
  account = await openAccount(product, 'Rotating');
  await account.give('5');
  write('first.key', 'first-key\n');
  write('upstreams.yaml', list());
  gateway = await joinGateway(product, undefined, {
    BURSAR_UPSTREAMS_FILE: join(folder, 'upstreams.yaml'),
    LOG_LEVEL: 'info',
  });
}, 90_000);

afterAll(async () => {
  await gateway?.stop();
  await product?.stop();
  await first?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function call(): Promise<{ id: string; text: string; cost: string }> {
  const answer = await ask(gateway.run.gateway, { apiKey: account.apiKey, body });
  expect(answer.status).toBe(200);
  return {
    id: answer.headers.get('request-id') ?? '',
    cost: answer.headers.get('bursar-cost-usd') ?? '',
    text: await answer.text(),
  };
}

test('another upstream answers where the first refuses its key; a new key needs no restart', async () => {
  const spared = await call();
  expect(spared.text).not.toContain('msg_own');
  const shown = await product.cli(receipt, 'request', 'show', spared.id);
  expect(shown.charged_usd).toBe(spared.cost);
  expect(shown.upstream_attempts).toEqual([
    { upstream: 'first', outcome: 'refused', status: 401 },
    { upstream: 'spare', outcome: 'answered', status: 200 },
  ]);

  write('first.key', 'second-key\n');
  await until('an answer by the new key', 20_000, async () =>
    (await call()).text.includes('msg_own') ? true : undefined,
  );

  write('upstreams.yaml', list().replace('http:', 'gopher:'));
  await until('a word about the broken file', 20_000, () =>
    gateway.output().includes('line 2, upstreams[0].url') ? true : undefined,
  );
  expect((await call()).text).toContain('msg_own');
  expect(gateway.output()).not.toMatch(/first-key|second-key/);
});
