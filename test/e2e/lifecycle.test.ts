import { existsSync, rmSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { newDataDir, type Product, startProduct, startRefused } from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import { familyOf, runs } from './processes.ts';
import { balance, MODEL, priceOf, refusal, usd } from './shapes.ts';
import { until } from './until.ts';

const body = JSON.stringify({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Are you still there?' }],
});

let dataDir: string;
let product: Product;
let account: Account;

beforeAll(async () => {
  dataDir = newDataDir();
  product = await startProduct({ dataDir });
  account = await openAccount(product, 'Lasting');
  await account.give('5');
});

afterAll(async () => {
  await product?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const available = async (): Promise<bigint> =>
  usd((await product.cli(balance, 'balance', '--org', account.org)).available_usd);

/** Told by the simulator itself: a command might begin too late, on a busy machine. */
async function upstreamCalls(): Promise<number> {
  const answer = await fetch(`${product.run.model_sim}/_sim/calls`);
  return z.object({ data: z.array(z.unknown()) }).parse(await answer.json()).data.length;
}

/** All that was charged so far, by the answers' own account. */
let spent = 0n;

async function call(scenario: string): Promise<{ answer: Response; text: string }> {
  const headers = { 'x-sim-scenario': scenario };
  const answer = await ask(product.run.gateway, { apiKey: account.apiKey, body, headers });
  const text = await answer.text();
  if (answer.ok) spent += usd(answer.headers.get('bursar-cost-usd') ?? '');
  return { answer, text };
}

describe('a running product', () => {
  test('the run file names every address, for its owner only', () => {
    const { pid, role, database_url, ...urls } = product.run;
    expect(role).toBe('all');
    expect(runs(pid)).toBe(true);
    expect(database_url).toMatch(/^postgres(ql)?:\/\//);
    for (const url of Object.values(urls)) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(statSync(product.runFile).mode & 0o777).toBe(0o600);
  });

  test.each(['/healthz', '/readyz', '/version', '/metrics'])(
    'the ops port answers %s',
    async (path) => {
      const answer = await fetch(`${product.run.ops}${path}`);
      expect(answer.status).toBe(200);
      expect((await answer.text()).length).toBeGreaterThan(0);
    },
  );

  test.each(['console', 'gateway'] as const)(
    'the %s describes itself as OpenAPI 3.1',
    async (port) => {
      const answer = await fetch(`${product.run[port]}/openapi.json`);
      expect(await answer.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
    },
  );

  test('a second start on a live data directory is refused with a sentence', async () => {
    const answer = await startRefused(dataDir);
    expect(answer.exitCode).toBeGreaterThan(0);
    expect(answer.stderr).toMatch(/in use/);
    expect(answer.stderr).toContain(String(product.run.pid));
    expect(runs(product.run.pid)).toBe(true);
    expect(existsSync(product.runFile)).toBe(true);
  });

  test('a verb that cannot be done says so as JSON and exits with more than 0', async () => {
    const answer = await product.tryCli('balance', '--org', 'org_nobody');
    expect(answer.exitCode).toBeGreaterThan(0);
    expect(JSON.parse(answer.stderr)).toEqual({
      error: { code: expect.any(String), message: expect.stringContaining('org_nobody') },
    });
  });
});

describe('stop and start', () => {
  test('SIGTERM refuses new calls, finishes running ones, and leaves nothing running', async () => {
    const before = await upstreamCalls();
    const family = familyOf(product.run.pid);
    expect(family.length).toBeGreaterThan(3);
    const running = call('ok;input_tokens=11;output_tokens=13;first_ms=4000');
    await until('the running call', 30_000, async () =>
      (await upstreamCalls()) > before ? true : undefined,
    );
    const halted = product.halt();
    await until('the refusal of a draining gateway', 30_000, async () => {
      const tried = await call('ok').catch(() => undefined);
      if (tried === undefined || tried.answer.status === 200) return undefined;
      expect(tried.answer.status).toBe(503);
      expect(tried.answer.headers.get('retry-after')).not.toBeNull();
      const { error } = refusal.parse(JSON.parse(tried.text));
      expect(error.type).toBe('overloaded_error');
      return true;
    });
    expect((await running).answer.status).toBe(200);
    expect(await halted).toBe(0);
    expect(existsSync(product.runFile)).toBe(false);
    await until('the end of every process it started', 30_000, () =>
      family.some(runs) ? undefined : true,
    );
    const { gateway, console: pages, stripe_sim, model_sim, ops } = product.run;
    for (const url of [gateway, pages, stripe_sim, model_sim, ops]) {
      await expect(fetch(url)).rejects.toThrow();
    }
  });

  test('the next start on the same data directory has the same keys and balances', async () => {
    product = await startProduct({ dataDir });
    expect(spent).toBeGreaterThanOrEqual(priceOf({ input_tokens: 11, output_tokens: 13 }));
    expect(await available()).toBe(usd('5') - spent);
    const { answer } = await call('ok;input_tokens=1;output_tokens=1');
    expect(answer.status).toBe(200);
    expect(await available()).toBe(usd('5') - spent);
  });

  test('a terminal that was shut does not keep it from stopping everything', async () => {
    const family = familyOf(product.run.pid);
    product.deafen();
    expect(await product.halt()).toBe(0);
    expect(existsSync(product.runFile)).toBe(false);
    await until('the end of every process it started', 30_000, () =>
      family.some(runs) ? undefined : true,
    );
  });
});
