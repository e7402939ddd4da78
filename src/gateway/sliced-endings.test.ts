import { describe, expect, test } from 'vitest';
import type { ExtendOutcome } from '#charging/commands';
import { formatUsd, nanos } from '#kernel/money';
import { streamEvents } from '#test/gateway-world';
import { COSTS, type SlicedOptions, slicedWorld } from '#test/sliced-world';

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const TEXT = 'abcd'.repeat(125);
const EVENTS = 200;
const [opening, begun, , ...rest] = streamEvents({
  texts: Array.from({ length: EVENTS }, () => TEXT),
  outputTokens: 25_000,
});
const [texts, end] = [rest.slice(0, EVENTS), rest.slice(EVENTS)];
const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
const INPUT = 25n * COSTS.input;

interface Played extends Partial<Pick<SlicedOptions, 'count' | 'journaled'>> {
  readonly deltas?: readonly string[];
  /** Comes behind the text, most of which cannot be held for. */
  readonly behind?: readonly string[];
  readonly ending?: 'end' | 'failed' | 'end later' | 'none';
  readonly refusal?: ExtendOutcome;
}

/** A stream whose text is all there when the next slice is refused. */
async function played({ deltas = texts, behind = end, ending = 'none', refusal, ...more }: Played) {
  const refused = Promise.withResolvers<void>();
  let [text, ended] = ['', ''];
  const world = await slicedWorld({
    balance: 300_000_000n,
    count: () => undefined,
    async beforeExtend() {
      await refused.promise;
      return refusal;
    },
    written(chunk) {
      text += chunk.toString();
    },
    endedBy(how) {
      ended = how;
    },
    ...more,
  });
  if (world === undefined) return expect.fail('not let in');
  const { answer, over } = world.start({ pause() {}, resume() {}, abort() {} });
  for (const piece of [opening ?? '', begun ?? '', ...deltas, ...behind]) {
    answer.data(Buffer.from(piece));
  }
  if (ending === 'end') answer.end();
  if (ending === 'failed') answer.failed();
  refused.resolve();
  if (ending === 'end later') setImmediate(() => answer.end());
  await over;
  const { resolution, cost, record } = world.charging.only();
  const { balance } = world.charging;
  return { text, ended, resolution, cost, record, balance, pieces: text.split(TEXT).length - 1 };
}
const lastEvent = (text: string) => {
  const data = /^data: (.*)\n\n$/m.exec(text.slice(text.lastIndexOf('event: ')));
  return JSON.parse(data?.[1] ?? 'null');
};

describe('what cannot be held for stays with us, and what the upstream did decides first', () => {
  const away: ExtendOutcome = { outcome: 'ledger_unavailable' };
  const rows: readonly [
    string,
    Played,
    { rule: string; free: boolean; last: string; ended: string },
  ][] = [
    [
      'S7: an error behind it',
      { behind: [overloaded], ending: 'end' },
      { rule: 'S7', free: true, last: 'overloaded_error', ended: 'end' },
    ],
    [
      'S7: an error behind it, and the connection is gone',
      { behind: [overloaded], ending: 'failed' },
      { rule: 'S7', free: true, last: 'overloaded_error', ended: 'break' },
    ],
    [
      'S7: an error behind it, and the connection stays',
      { behind: [overloaded], ending: 'end later' },
      { rule: 'S7', free: true, last: 'overloaded_error', ended: 'end' },
    ],
    [
      'S8: it has broken off',
      { behind: [], ending: 'failed' },
      { rule: 'S8', free: true, last: '', ended: 'break' },
    ],
    [
      'S8: it has ended without a reason',
      { behind: [], ending: 'end' },
      { rule: 'S8', free: true, last: '', ended: 'end' },
    ],
    [
      'S8: half an event, and it has broken off',
      { behind: ['event: content_block_delta\ndata: {"ty'], ending: 'failed' },
      { rule: 'S8', free: true, last: '', ended: 'break' },
    ],
    [
      'S11: it runs',
      { behind: [] },
      { rule: 'S11', free: false, last: 'invalid_request_error', ended: 'end' },
    ],
    [
      'S11: it is complete',
      { ending: 'end' },
      { rule: 'S11', free: false, last: 'invalid_request_error', ended: 'end' },
    ],
    [
      'S11: it has broken off after its reason',
      { behind: end.slice(0, -1), ending: 'failed' },
      { rule: 'S11', free: false, last: 'invalid_request_error', ended: 'end' },
    ],
    [
      'the ledger is away',
      { behind: [], refusal: away },
      { rule: 'S8', free: true, last: 'api_error', ended: 'end' },
    ],
  ];
  test.each(rows)('%s', async (_what, asked, { rule, free, last, ended }) => {
    const seen = await played(asked);
    expect(seen.pieces).toBeGreaterThan(5);
    expect(seen.pieces).toBeLessThan(EVENTS);
    expect(seen.record.rule).toBe(rule);
    expect(seen.ended).toBe(ended);
    expect(lastEvent(seen.text)?.error?.type ?? '').toBe(last);
    expect(seen.resolution).toBe(free ? 'void' : 'settle');
    expect(seen.balance).toBe(300_000_000n - (free ? 0n : seen.cost));
    // Nothing is charged for what the operator has to pay all the same.
    if (free) expect(seen.record.lossUsage).toBeGreaterThan(0n);
  });
});

test('S7: an error needs no hold, even if less is left than it is long', async () => {
  const { pieces } = await played({ behind: [] });
  const long = 'Overloaded, '.repeat(100);
  const error = event('error', { error: { type: 'overloaded_error', message: long } });
  const edge = { deltas: texts.slice(0, pieces), behind: [error], ending: 'end' } as const;
  const { text, record, resolution } = await played(edge);
  expect(text.endsWith(error)).toBe(true);
  expect([record.rule, resolution]).toEqual(['S7', 'void']);
});

describe('S11: a stream that is cut is charged by the best count there is', () => {
  const costOf = (tokens: number): bigint => INPUT + BigInt(tokens) * COSTS.output;

  test('the upstream’s own, where it counts: of dense text', async () => {
    const { cost, pieces, record } = await played({
      count: (text) => Math.floor(text.length * 0.9),
    });
    const tokens = pieces * TEXT.length * 0.9;
    expect(record).toMatchObject({ rule: 'S11', estimated: true });
    expect(cost).toBeGreaterThan(costOf(Math.floor(tokens * 0.98)));
    expect(cost).toBeLessThan(costOf(Math.ceil(tokens * 1.02)));
  });

  test('and of text with few tokens, to the end of the credit', async () => {
    const { cost, pieces } = await played({
      count: (text) => Math.floor(text.length / 5),
      refusal: { outcome: 'insufficient_credit', available: nanos(0n), required: nanos(1n) },
    });
    const tokens = (pieces * TEXT.length) / 5;
    expect(cost).toBeGreaterThan(costOf(Math.floor(tokens * 0.98)));
    expect(cost).toBeLessThan(costOf(Math.ceil(tokens * 1.02)));
  });

  test('what was not counted is estimated', async () => {
    const { cost, pieces } = await played({ count: () => undefined });
    const tokens = (pieces * TEXT.length) / 4;
    expect(cost).toBeGreaterThan(costOf(Math.floor(tokens * 0.95)));
    expect(cost).toBeLessThan(costOf(Math.ceil(tokens * 1.05)));
  });

  test('never more than is held', async () => {
    const { cost, balance } = await played({ count: (text) => text.length });
    expect(cost).toBeLessThanOrEqual(300_000_000n);
    expect(balance).toBeGreaterThanOrEqual(0n);
  });
});

describe('the error that ends it tells true amounts', () => {
  test('what is available when it is settled, and what was charged', async () => {
    const { text, cost, balance } = await played({});
    const { details } = lastEvent(text).error;
    expect(details).toEqual({
      error_code: 'credit_balance_too_low',
      available_usd: formatUsd(balance),
      charged_usd: formatUsd(cost),
      required_usd: expect.stringMatching(/^0\.\d+$/),
      billing_url: 'http://b/',
    });
    expect(balance).toBeGreaterThan(0n);
  });

  test('or nothing of them, where it is only journaled yet', async () => {
    const { text } = await played({ journaled: true });
    expect(Object.keys(lastEvent(text).error.details)).toEqual([
      ...['error_code', 'required_usd', 'billing_url'],
    ]);
  });
});
