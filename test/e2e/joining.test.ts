import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { joinGateway, type Product, startProduct } from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import { createdKey, MODEL } from './shapes.ts';

let folder: string;
let product: Product;
let account: Account;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bursar-joining-'));
  product = await startProduct();
  account = await openAccount(product, 'Joining');
  await account.give('1');
}, 90_000);

afterAll(async () => {
  await product?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const body = (maxTokens: number) =>
  JSON.stringify({
    model: MODEL,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content: 'Where do you live?' }],
  });
const refused = z.object({ error: z.object({ details: z.object({ billing_url: z.string() }) }) });

test('a process that knows only the database finds the simulators, on whatever ports', async () => {
  const gateway = await joinGateway(product, undefined, {
    BURSAR_DATA_DIR: join(folder, 'elsewhere'),
    BURSAR_RUN_FILE: join(product.dataDir, 'run-gateway-1.json'),
    BURSAR_KEY_PEPPER: readFileSync(join(product.dataDir, 'key-pepper'), 'utf8').trim(),
    // What it would otherwise take them to be.
    BURSAR_MODEL_SIM_PORT: '4003',
    BURSAR_CONSOLE_PORT: '4000',
  });
  try {
    const { apiKey } = account;
    const answer = await ask(gateway.run.gateway, { apiKey, body: body(100) });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"text"')]);
    const tooMuch = await ask(gateway.run.gateway, { apiKey, body: body(100_000) });
    const { details } = refused.parse(await tooMuch.json()).error;
    expect(details.billing_url).toBe(`${product.run.console}/settings/billing`);
    // What an organization's own programs ask is answered there as everywhere.
    const words = ['key', 'create', '--org', account.org, '--admin'];
    const { key } = await product.cli(createdKey, ...words);
    expect(key).toMatch(/^sk-bursar-admin01-/);
    const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' };
    for (const url of [gateway.run.gateway, product.run.gateway]) {
      const credits = await fetch(`${url}/v1/organizations/credits`, { headers });
      expect([credits.status, await credits.json()]).toEqual([
        200,
        expect.objectContaining({ type: 'credits', debt_usd: '0' }),
      ]);
    }
  } finally {
    await gateway.stop();
  }
});
