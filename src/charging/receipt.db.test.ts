import { afterAll, beforeAll, expect, test } from 'vitest';
import { readReceipt } from '#charging/receipt';
import type { RequestId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import type { RequestRecord } from '#metering/record';
import type { UpstreamAttempt } from '#metering/upstream-attempts';
import { COMPONENT_KINDS } from '#pricing/book';
import { bundledBook } from '#pricing/bundled-book';
import { packLines } from '#pricing/lines';
import { rate } from '#pricing/rate';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  newRequest,
  type Payer,
  recordOf,
  usd,
} from '#test/ledger-world';

const book = bundledBook();
const startedAt = new Date('2026-11-21T00:00:00Z');
const usage: Usage = {
  iterations: [
    {
      model: 'claude-haiku-5-5',
      kind: 'message',
      billed: true,
      inputTokens: 1_000,
      outputTokens: 100,
      cacheReadTokens: 1,
      cacheWrite5mTokens: 20,
      cacheWrite1hTokens: 30,
    },
  ],
  webSearches: 2,
  codeExecutionSeconds: 0,
  sessionMilliseconds: 0,
  speed: 'standard',
  inferenceGeo: 'us',
  serviceTier: 'batch',
};

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;

beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

/** Settles a request for the price of `usage`, and reads its receipt. */
async function receiptOf(
  payer: Payer,
  changes: Partial<RequestRecord>,
  id = newRequest(),
  paid?: NanoUsd,
) {
  const rated = rate(book, usage, startedAt);
  if (rated.outcome !== 'rated') throw new Error(rated.outcome);
  await hold(node.charging, payer, usd('0.5'), id);
  const charged = (changes.rule ?? 'S1') === 'S1';
  const record = recordOf(payer, {
    model: 'claude-haiku-5-5',
    priceVersion: book.version,
    usage,
    lines: charged ? packLines(rated) : null,
    listAmount: charged ? rated.listAmount : null,
    startedAt,
    ...changes,
  });
  const resolution = charged ? 'settle' : 'void';
  const { organizationId } = payer;
  const cost = paid ?? rated.amount;
  await node.charging.settle({ organizationId, requestId: id, resolution, cost, record });
  const read = await readReceipt(db.pool, book, id);
  if (read.outcome !== 'found') throw new Error(read.outcome);
  return read.receipt;
}

test('a receipt explains a charge: usage, prices, multipliers, grants, and every billionth', async () => {
  const payer = await makePayer(db.pool);
  const gift = await give(db.pool, payer, usd('0.02'), { kind: 'promotional' });
  const bought = await give(db.pool, payer, usd('5'));
  const id = newRequest();
  const changes = { clientDisconnected: true, estimated: true };
  const { settled_at, ...receipt } = await receiptOf(payer, changes, id);
  // Haiku 5.5 in the lower band, in the US (11/10) and in a batch (1/2), and two searches.
  expect(receipt).toEqual({
    id,
    type: 'request_receipt',
    organization_id: payer.organizationId,
    outcome: 'S1',
    model: 'claude-haiku-5-5',
    hold_usd: '0.5',
    charged_usd: '0.02008718',
    list_usd: '0.02008718',
    estimated: true,
    client_disconnected: true,
    adopted: false,
    retry_of: null,
    usage: {
      iterations: [
        {
          kind: 'message',
          model: 'claude-haiku-5-5',
          billed: true,
          input_tokens: 1_000,
          output_tokens: 100,
          cache_read_input_tokens: 1,
          cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 },
        },
      ],
      server_tool_use: { web_search_requests: 2 },
      code_execution_seconds: 0,
      session_milliseconds: 0,
      speed: 'standard',
      inference_geo: 'us',
      service_tier: 'batch',
    },
    lines: [
      line('input', '1000', '0.1', '0.000055'),
      line('cache_write_5m', '20', '0.125', '0.000001375'),
      line('cache_write_1h', '30', '0.2', '0.0000033'),
      line('cache_read', '1', '0.01', '0.0000000055'),
      line('output', '100', '0.5', '0.0000275'),
      { ...line('web_search', '2', '10000', '0.02'), model: null, multipliers: [] },
      {
        ...line('rounding', '0', '0', '-0.0000000005'),
        ...{ model: null, multipliers: [], per: '1' },
      },
    ],
    grants: [
      { id: gift.grantId, amount_usd: '0.02' },
      { id: bought.grantId, amount_usd: '0.00008718' },
    ],
    price_version: book.version,
    started_at: '2026-11-21T00:00:00.000Z',
  });
  expect(new Date(settled_at).toISOString()).toBe(settled_at);
});

const line = (kind: string, units: string, unitPrice: string, amount: string) => ({
  kind,
  model: 'claude-haiku-5-5',
  units,
  unit_price_usd: unitPrice,
  per: '1000000',
  multipliers: ['region 11/10', 'batch 1/2'],
  amount_usd: amount,
});

/** A decimal amount in whole parts of 10^-40, in which nothing has to be rounded. */
function exactly(amountUsd: string): bigint {
  const [whole = '', fraction = ''] = amountUsd.split('.');
  return BigInt(whole + fraction.padEnd(40, '0'));
}

/** What the release before stored: no lines, and no amounts beside the charge. */
const before = { lines: null, listAmount: null };

test('the lines are those of the charge, whatever the prices are today', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const { lines, ...receipt } = await receiptOf(payer, { priceVersion: 'older' });
  expect(receipt).toMatchObject({ price_version: 'older', list_usd: '0.02008718' });
  expect(lines.map(({ kind }) => kind)).toEqual([
    ...['input', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'output', 'web_search'],
    'rounding',
  ]);
});

test('a charge of the release before is explained by the book of its version', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const today = await receiptOf(payer, {});
  const { lines, list_usd } = await receiptOf(payer, before);
  expect({ lines, list_usd }).toEqual({ lines: today.lines, list_usd: '0.02008718' });
});

test('by no other: the version is named, the lines left empty', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const receipt = await receiptOf(payer, { ...before, priceVersion: 'older' });
  expect(receipt).toMatchObject({ price_version: 'older', lines: [], list_usd: null });
  expect(receipt.usage).not.toBeNull();
});

test('a discount is in the lines, and what it took off beside the charge', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const factor = { numerator: 9n, denominator: 10n };
  const everything = { model: null, appliesTo: new Set(COMPONENT_KINDS), factor };
  const terms = [{ ...everything, from: new Date(0), until: null }];
  const rated = rate(book, usage, startedAt, terms);
  if (rated.outcome !== 'rated') throw new Error(rated.outcome);
  const { amount, listAmount } = rated;
  const receipt = await receiptOf(
    payer,
    { lines: packLines(rated), listAmount },
    newRequest(),
    amount,
  );
  expect(receipt).toMatchObject({ charged_usd: '0.018078462', list_usd: '0.02008718' });
  expect(receipt.lines[0]?.multipliers).toEqual(['region 11/10', 'batch 1/2', 'discount 9/10']);
});

test('a cost above what there was is a line of its own, so that the lines add up to the charge', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const receipt = await receiptOf(payer, {}, newRequest(), usd('0.02'));
  expect(receipt).toMatchObject({ charged_usd: '0.02', list_usd: '0.02008718' });
  expect(receipt.lines.at(-1)).toMatchObject({ kind: 'not_charged', amount_usd: '-0.00008718' });
  const sum = receipt.lines.reduce((all, line) => all + exactly(line.amount_usd), 0n);
  expect(sum).toBe(exactly(receipt.charged_usd));
});

test('every attempt is shown, with its kind and whether it was charged, and every count', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const [served] = usage.iterations;
  if (served === undefined) throw new Error('no attempt');
  const declined = { ...served, billed: false, outputTokens: 0 };
  const answered = { ...served, kind: 'fallback_message' as const };
  const counts = {
    codeExecutionSeconds: 301,
    sessionMilliseconds: 5,
    unknown: { audio_tokens: 3 },
  };
  const attempts = { ...usage, ...counts, iterations: [declined, answered] };
  const receipt = await receiptOf(payer, { usage: attempts });
  expect(receipt.usage).toMatchObject({
    iterations: [
      { kind: 'message', billed: false, output_tokens: 0 },
      { kind: 'fallback_message', billed: true, output_tokens: 100 },
    ],
    code_execution_seconds: 301,
    session_milliseconds: 5,
    unknown: { audio_tokens: 3 },
  });
});

test('a request that was not charged has no lines and no grants', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  expect(await receiptOf(payer, { rule: 'S7' })).toMatchObject({
    outcome: 'S7',
    hold_usd: '0.5',
    charged_usd: '0',
    list_usd: '0',
    lines: [],
    grants: [],
  });
  expect(await receiptOf(payer, { rule: 'S6', usage: null })).toMatchObject({ usage: null });
});

test('an estimated charge whose usage is not known has no lines', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const receipt = await receiptOf(payer, { usage: null });
  const nothing = { usage: null, lines: [], list_usd: null };
  expect(receipt).toMatchObject({ charged_usd: '0.02008718', ...nothing });
});

test('there is no receipt of what never ran', async () => {
  const nobody: RequestId = newRequest();
  expect(await readReceipt(db.pool, book, nobody)).toEqual({ outcome: 'not_found' });
});

test('whom the operator asked is kept with the request, and is no part of its receipt', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const id = newRequest();
  const upstreamAttempts: readonly UpstreamAttempt[] = [
    { upstream: 'secret-a', outcome: 'refused', status: 529, elapsedMs: 12, cost: usd('0') },
    { upstream: 'secret-b', outcome: 'answered', status: 200, elapsedMs: 9, cost: usd('0.01') },
  ];
  const receipt = await receiptOf(payer, { upstreamAttempts }, id);
  expect(JSON.stringify(receipt)).not.toContain('secret-');
  expect(await readReceipt(db.pool, book, id)).toMatchObject({ upstreamAttempts });
  // Nothing was used, and still it can be told who was asked.
  const refused = newRequest();
  await hold(node.charging, payer, usd('0.5'), refused);
  const record = recordOf(payer, { rule: 'S6', usage: null, upstreamAttempts });
  const { organizationId } = payer;
  const voided = { resolution: 'void', cost: usd('0'), record } as const;
  await node.charging.settle({ organizationId, requestId: refused, ...voided });
  expect(await readReceipt(db.pool, book, refused)).toMatchObject({
    receipt: { usage: null, charged_usd: '0' },
    upstreamAttempts,
  });
});

test('F49d: a receipt names the request it repeats, and says when retries were given its answer', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('5'));
  const first = await receiptOf(payer, { adopted: true });
  expect(first).toMatchObject({ adopted: true, retry_of: null });
  const retryOf = newRequest();
  const second = await receiptOf(payer, { retryOf });
  expect(second).toMatchObject({ adopted: false, retry_of: retryOf, usage: first.usage });
  // Also where nothing is known of its usage.
  const failed = await receiptOf(payer, { retryOf, rule: 'S6', usage: null });
  expect(failed).toMatchObject({ retry_of: retryOf, usage: null, lines: [], charged_usd: '0' });
});
