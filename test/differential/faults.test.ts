import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startModelSim } from '#sims/model-sim/server';
import { ask, question, startGateway, type TestGateway } from '#test/gateway-world';

let sim: Awaited<ReturnType<typeof startModelSim>>;
let world: TestGateway | undefined;
beforeAll(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterAll(() => sim.close());
afterEach(() => world?.gateway.close());

/** Opus 5: $5 and $25 per million; Sonnet 5, to which it falls back: $2 and $10. */
const opus = (input: bigint, output: bigint): bigint => input * 5_000n + output * 25_000n;
const sonnet = (input: bigint, output: bigint): bigint => input * 2_000n + output * 10_000n;
const SIZED = 'input_tokens=100;output_tokens=20';
const COST = opus(100n, 20n);

const usage = (value: unknown): string =>
  `usage;value=${Buffer.from(JSON.stringify(value)).toString('base64')}`;
const counted = (input: unknown, output: unknown): string =>
  usage({ input_tokens: input, output_tokens: output });

interface Fault {
  readonly fault: string;
  readonly scenario: string;
  /** As a stream, as JSON, or in both ways the same. */
  readonly as?: 'stream' | 'json';
  readonly status?: number;
  readonly rule: string;
  readonly cost: bigint;
}

const S12 = { rule: 'S12', cost: 0n } as const;
const FAULTS: readonly Fault[] = [
  { fault: 'F30 no usage', scenario: 'no_usage', ...S12 },
  { fault: 'F31 negative and fractional', scenario: 'bad_usage', ...S12 },
  { fault: 'F31 a text', scenario: counted('100', 20), ...S12 },
  { fault: 'F31 null', scenario: counted(100, null), as: 'json', ...S12 },
  { fault: 'F31 2^63', scenario: counted(2 ** 63, 20), ...S12 },
  { fault: 'F32 decreasing', scenario: `decreasing_usage;${SIZED}`, rule: 'S2', cost: COST },
  {
    fault: 'F33 above the hold',
    scenario: 'ok;input_tokens=9000;output_tokens=20',
    as: 'json',
    rule: 'S1',
    cost: opus(9_000n, 20n),
  },
  { fault: 'F34 above max_tokens', scenario: 'ok;output_tokens=101', ...S12 },
  { fault: 'F34 above the window', scenario: 'ok;input_tokens=2000000', ...S12 },
  {
    fault: 'F35 an explicit zero',
    scenario: 'ok;input_tokens=0;output_tokens=0',
    as: 'json',
    rule: 'S1',
    cost: 0n,
  },
  {
    fault: 'F36 an unknown iteration of a known model',
    scenario: `unknown_iteration;${SIZED}`,
    as: 'json',
    rule: 'S1',
    cost: COST + opus(50n, 10n),
  },
  {
    fault: 'F36 an unknown iteration of an unknown model',
    scenario: `unknown_iteration;iteration_model=claude-nobody-1;${SIZED}`,
    ...S12,
  },
  { fault: 'F37 an unknown model', scenario: `ok;model=claude-nobody-1;${SIZED}`, ...S12 },
  { fault: 'F38 overloaded', scenario: 'overloaded', status: 529, rule: 'S6', cost: 0n },
  {
    fault: 'F38 overloaded, with advice',
    scenario: 'overloaded;retry_after=9',
    status: 529,
    rule: 'S6',
    cost: 0n,
  },
  {
    fault: 'F39 overloaded mid-stream',
    scenario: `overloaded_midstream;${SIZED}`,
    as: 'stream',
    rule: 'S7',
    cost: 0n,
  },
  { fault: 'F42 HTML', scenario: 'html;status=200', status: 502, ...S12 },
  { fault: 'F42 half a JSON', scenario: 'truncated_json', as: 'json', status: 502, ...S12 },
  { fault: 'F42 half an event', scenario: 'truncated_json', as: 'stream', ...S12 },
  {
    fault: 'F43 a second start',
    scenario: `double_start;${SIZED}`,
    as: 'stream',
    rule: 'S2',
    cost: COST,
  },
  {
    fault: 'F43 a second delta',
    scenario: `double_delta;${SIZED}`,
    as: 'stream',
    rule: 'S2',
    cost: COST,
  },
  {
    fault: 'F43 events after the stop',
    scenario: `after_stop;${SIZED}`,
    as: 'stream',
    rule: 'S2',
    cost: COST,
  },
  ...['odd_bytes', 'odd_bytes;line_end=crlf;split=2', 'odd_bytes;line_end=cr;comments=1'].map(
    (scenario) => ({
      fault: 'F44 other bytes',
      scenario: `${scenario};${SIZED}`,
      as: 'stream' as const,
      rule: 'S2',
      cost: COST,
    }),
  ),
  { fault: 'F45 a redirect', scenario: 'redirect', status: 502, rule: 'S6', cost: 0n },
  {
    fault: 'F46 one more answer',
    scenario: `extra_response;${SIZED}`,
    as: 'json',
    rule: 'S1',
    cost: COST,
  },
  { fault: 'F48 a refusal', scenario: `refusal;${SIZED}`, rule: 'S3', cost: 0n },
  {
    fault: 'F48 a refusal after output',
    scenario: `refusal_midstream;${SIZED}`,
    as: 'stream',
    rule: 'S4',
    cost: COST,
  },
  {
    fault: 'F48 a fallback after a refusal',
    scenario: `fallback;${SIZED}`,
    as: 'stream',
    rule: 'S2',
    cost: sonnet(100n, 20n),
  },
  {
    fault: 'F48 a fallback that declined too',
    scenario: `fallback_declined;${SIZED}`,
    rule: 'S3',
    cost: 0n,
  },
  {
    fault: 'F48 a fallback that stays',
    scenario: `fallback_sticky;${SIZED}`,
    as: 'json',
    rule: 'S1',
    cost: sonnet(100n, 20n),
  },
];

const rows = FAULTS.flatMap((row) =>
  (['json', 'stream'] as const)
    .filter((as) => (row.as ?? as) === as && !(row.fault.startsWith('F32') && as === 'json'))
    .map((as) => [row.fault, as, row.scenario.slice(0, 60), row] as const),
);

describe('a fault of the model, and what it costs the customer', () => {
  test.each(rows)('%s (%s, %s)', async (_fault, as, _scenario, row) => {
    world = await startGateway(sim.url);
    const { charging } = world;
    const before = charging.balance;
    const answer = await ask(world, {
      body: { ...question, stream: as === 'stream' },
      headers: { 'x-sim-scenario': row.scenario },
    });
    expect(answer.status).toBe(row.status ?? 200);
    const { cost, record } = charging.only();
    expect([record.rule, cost]).toEqual([row.rule, row.cost]);
    expect(record.quarantined).toBe(row.rule === 'S12');
    expect(before - charging.balance).toBe(row.cost);
    expect(charging.holds.size).toBe(0);
  });
});

test('F41 a stream that falls silent is ended, and costs nothing', async () => {
  const upstream = { url: sim.url, key: 'operator-key', silenceTimeoutMs: 300 };
  world = await startGateway(sim.url, { upstream });
  const answer = await ask(world, {
    body: { ...question, stream: true },
    headers: { 'x-sim-scenario': `hang;after=3;${SIZED}` },
  });
  expect([answer.status, answer.broken]).toEqual([200, true]);
  expect(world.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
});

test('F41 a model that says nothing at all is a 504, and costs nothing', async () => {
  const upstream = { url: sim.url, key: 'operator-key', headersTimeoutMs: 300 };
  world = await startGateway(sim.url, { upstream });
  const answer = await ask(world, { headers: { 'x-sim-scenario': 'hang' } });
  expect(answer.status).toBe(504);
  expect(world.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S6' } });
});
