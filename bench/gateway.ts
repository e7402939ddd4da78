import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { z } from 'zod';
import { startProduct } from '#test/product';
import { keep, load, middle, printTable, type Row } from './report.ts';

const CONNECTIONS = 64;
const anyId = z.object({ id: z.string() });

interface Target {
  readonly name: string;
  readonly pool: Pool;
  readonly key: string;
}

interface Shape {
  readonly name: string;
  readonly scenario: string;
  readonly stream: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: 'JSON', scenario: 'ok;output_tokens=20', stream: false },
  { name: 'SSE of 50 events', scenario: 'ok;output_tokens=50;chunks=44', stream: true },
];

/** Requests per second through the gateway, against the barest proxy to the same upstream. */
export async function benchGateway(quick: boolean): Promise<void> {
  const product = await startProduct({ environment: { LOG_LEVEL: 'fatal' } });
  const bare = spawn(
    process.execPath,
    [fileURLToPath(new URL('bare-proxy.ts', import.meta.url)), product.run.model_sim],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  try {
    const [address] = await once(createInterface({ input: bare.stdout }), 'line');
    const { id } = await product.cli(anyId, 'org', 'create', 'Bench');
    await product.cli(z.unknown(), 'grant', '--org', id, '--usd', '1000000');
    const { key } = await product.cli(z.object({ key: z.string() }), 'key', 'create', '--org', id);
    const targets = [
      { name: 'bare Node proxy', pool: poolOf(String(address)), key: 'sim' },
      { name: 'gateway: key, hold, relay, settle', pool: poolOf(product.run.gateway), key },
    ];
    await measure(targets, quick);
    await Promise.all(targets.map(({ pool }) => pool.close()));
  } finally {
    bare.stdin.end();
    await product.stop();
  }
}

const poolOf = (url: string): Pool => new Pool(url, { connections: CONNECTIONS });

async function measure(targets: readonly Target[], quick: boolean): Promise<void> {
  const metrics: Record<string, number> = {};
  const [runs, ms] = quick ? [1, 2_000] : [3, 6_000];
  for (const shape of SHAPES) {
    const rows: Row[][] = targets.map(() => []);
    for (const target of targets)
      await load('warm-up', CONNECTIONS, 500, () => call(target, shape));
    for (let run = 0; run < runs; run++) {
      for (const [index, target] of targets.entries()) {
        const row = await load(target.name, CONNECTIONS, ms, () => call(target, shape));
        rows[index]?.push(row);
      }
    }
    const medians = rows.map(middle);
    const [bare, gateway] = medians;
    if (bare === undefined || gateway === undefined) throw new Error('a target did not run');
    printTable(`${shape.name}, ${CONNECTIONS} connections`, medians);
    const label = shape.stream ? 'sse' : 'json';
    metrics[`${label}_per_s_bare_proxy`] = bare.perSecond;
    metrics[`${label}_per_s_gateway`] = gateway.perSecond;
    metrics[`${label}_gateway_share_of_bare`] = gateway.perSecond / bare.perSecond;
  }
  keep('gateway', metrics);
}

async function call(target: Target, shape: Shape): Promise<undefined> {
  const { statusCode, body } = await target.pool.request({
    path: '/v1/messages',
    method: 'POST',
    headers: {
      'x-api-key': target.key,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
      'x-sim-scenario': shape.scenario,
    },
    body: JSON.stringify({
      model: 'claude-opus-5-5',
      max_tokens: 64,
      stream: shape.stream,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  });
  const answer = await body.text();
  const whole = shape.stream ? answer.includes('message_stop') : answer.endsWith('}');
  if (statusCode !== 200 || !whole) {
    throw new Error(`${target.name} answered ${statusCode}: ${answer.slice(0, 300)}`);
  }
  return undefined;
}
