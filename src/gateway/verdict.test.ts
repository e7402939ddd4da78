import { describe, expect, test } from 'vitest';
import type { AdmittedCall } from '#gateway/admit';
import { type Ending, verdict, writtenOff } from '#gateway/verdict';
import { newId } from '#kernel/ids';
import { nanos, ZERO } from '#kernel/money';
import { type Folded, foldMessage } from '#metering/fold';
import type { ModelPrice, PriceBook, Terms } from '#pricing/book';
import { bundledBook } from '#pricing/bundled-book';
import { packLines, readLines } from '#pricing/lines';
import { rate } from '#pricing/rate';
import { LIST_PRICES } from '#pricing/rate-tables';
import { systemEntropy } from '#src/system';
import {
  block,
  delta,
  error,
  expectation,
  message,
  ok,
  opus,
  part,
  play,
  sonnet,
  start,
  stop,
  text,
} from '#test/wire-answers';

const book = bundledBook();
const at = new Date('2026-11-21T00:00:00Z');
// 25 tokens at $5 and 15 at $25 per million.
const COST = 25n * 5_000n + 15n * 25_000n;

const call = (changes: Partial<AdmittedCall> = {}): AdmittedCall => ({
  caller: {
    kind: 'workspace',
    organizationId: newId('organization', systemEntropy),
    workspaceId: newId('workspace', systemEntropy),
    apiKeyId: newId('apiKey', systemEntropy),
  },
  requestId: newId('request', systemEntropy),
  model: opus,
  hold: nanos(10_000_000n),
  outputTokensMax: 1_000,
  at,
  prices: { book, terms: LIST_PRICES },
  body: Buffer.alloc(0),
  ...changes,
});
const judged = (ending: Ending, changes: Partial<AdmittedCall> = {}) =>
  verdict(call(changes), ending, { upstreamStatus: 200, clientDisconnected: false });
const answered = (folded: Folded, changes: Partial<AdmittedCall> = {}) =>
  judged({ how: 'answered', folded }, changes);
const plain = foldMessage(message(ok), expectation);

/** The bundled book with other rows. */
const otherBook = (
  version: string,
  change: (row: ModelPrice) => Partial<ModelPrice>,
): PriceBook => ({
  ...book,
  version,
  priceOf(model, when) {
    const row = book.priceOf(model, when);
    return row === undefined ? undefined : { ...row, ...change(row) };
  },
});
const doubled = otherBook('doubled', ({ bands: [band] }) => ({
  bands: [{ ...band, rates: { ...band.rates, input: 10_000_000_000n, output: 50_000_000_000n } }],
}));
const withUpstream = otherBook('with upstream', ({ bands }) => ({ upstream: bands }));
const half: Terms = [
  {
    model: null,
    factor: { numerator: 1n, denominator: 2n },
    appliesTo: new Set(['input', 'output']),
    from: new Date(0),
    until: null,
  },
];

describe('a settlement is priced by what the request was admitted at (F88)', () => {
  test('by the book of its hold, whose version it names', () => {
    const { command } = answered(plain, { prices: { book: doubled, terms: LIST_PRICES } });
    expect(command).toMatchObject({ resolution: 'settle', cost: 2n * COST });
    expect(command.record).toMatchObject({ priceVersion: 'doubled', listAmount: 2n * COST });
    expect(answered(plain).command.cost).toBe(COST);
  });

  test('with the discounts of its hold, beside what it would have cost without', () => {
    const { command } = answered(plain, { prices: { book, terms: half } });
    expect(command).toMatchObject({ cost: COST / 2n, record: { listAmount: COST } });
  });

  test('and records the lines it was priced by', () => {
    const rated = rate(book, plain.usage ?? expect.fail(), at);
    if (rated.outcome !== 'rated') throw new Error(rated.outcome);
    const { record } = answered(plain).command;
    expect(record.lines).toEqual(packLines(rated));
    expect(readLines(JSON.parse(JSON.stringify(record.lines)))).toEqual(rated.lines);
  });

  test('and what it costs the operator, where that is known', () => {
    expect(answered(plain).command.record.upstreamCost).toBeNull();
    const known = answered(plain, { prices: { book: withUpstream, terms: half } });
    expect(known.command).toMatchObject({ cost: COST / 2n, record: { upstreamCost: COST } });
  });
});

describe('what is not charged has no lines', () => {
  const prices = { book: withUpstream, terms: LIST_PRICES };
  const broken = [start(), text, error];

  test.each<[string, Ending, object]>([
    ['S6', { how: 'refused' }, { usage: null, upstreamCost: null, lossUsage: ZERO }],
    ['S8', { how: 'truncated' }, { usage: null, upstreamCost: null, lossUsage: ZERO }],
    [
      'S7',
      { how: 'answered', folded: play(broken) },
      { upstreamCost: 150_000n, lossUsage: 150_000n },
    ],
    [
      'S8',
      { how: 'answered', folded: play([start()]) },
      { upstreamCost: 150_000n, lossUsage: 150_000n },
    ],
    [
      'S3',
      { how: 'answered', folded: play([start(), delta(ok, 'refusal'), stop]) },
      { upstreamCost: null, lossUsage: ZERO },
    ],
    [
      'S12',
      { how: 'answered', folded: play([start(), text, delta({ output_tokens: -1 }), stop]) },
      { usage: null, upstreamCost: null, lossUsage: ZERO, quarantined: true },
    ],
    ['S12', { how: 'unreadable' }, { usage: null, lossUsage: ZERO, quarantined: true }],
  ])('%s', (rule, ending, record) => {
    const { command } = judged(ending, { prices });
    expect(command).toMatchObject({ resolution: 'void', cost: ZERO });
    expect(command.record).toMatchObject({ rule, lines: null, listAmount: null, ...record });
  });

  test('nor has what was given up after all', () => {
    const { command } = answered(plain, { prices });
    const { record, ...given } = writtenOff(command);
    expect(given).toMatchObject({ resolution: 'void', cost: ZERO });
    expect(record).toMatchObject({ rule: 'S8', lines: null, listAmount: null, lossUsage: COST });
  });
});

describe('S12: what cannot be priced is never charged, nor free in silence', () => {
  test.each<[string, Folded, string]>([
    ['F37: a model without a price', foldMessage(message(ok, { model: 'nobody' })), 'has no price'],
    [
      'F36: an attempt of one',
      foldMessage(message({ ...ok, iterations: [part('dream', { model: 'nobody' })] })),
      'has no price',
    ],
  ])('%s', (_name, folded, reason) => {
    const { command, quarantined } = answered(folded);
    expect(quarantined).toContain(reason);
    expect(command).toMatchObject({
      resolution: 'void',
      record: { rule: 'S12', quarantined: true },
    });
  });

  test('F34: more than any ledger can hold', () => {
    if (!plain.chargeable) throw new Error(plain.reason);
    const { usage } = plain;
    const huge = usage.iterations.map((one) => ({ ...one, outputTokens: Number.MAX_SAFE_INTEGER }));
    const folded: Folded = { ...plain, usage: { ...usage, iterations: [...huge, ...huge] } };
    expect(answered(folded)).toMatchObject({
      quarantined: 'the usage costs more than can be booked',
      command: { resolution: 'void', record: { rule: 'S12' } },
    });
  });
});

describe('S11: an answer that nobody read to its end', () => {
  const abandoned = (folded: Folded, outputTokens = 200, changes: Partial<AdmittedCall> = {}) =>
    judged({ how: 'abandoned', folded, outputTokens }, changes).command;
  const cut = play([start(), text], 'truncated');

  test('is charged its input and the output counted on the way, as an estimate', () => {
    const command = abandoned(cut);
    expect(command).toMatchObject({ resolution: 'settle', cost: 25n * 5_000n + 200n * 25_000n });
    expect(command.record).toMatchObject({
      rule: 'S11',
      estimated: true,
      listAmount: command.cost,
    });
    expect(command.record.usage?.iterations[0]?.outputTokens).toBe(200);
  });

  test('counts no less than the upstream has said', () => {
    const told = play([start({ input_tokens: 25, output_tokens: 300 }), text], 'truncated');
    expect(abandoned(told).record.usage?.iterations[0]?.outputTokens).toBe(300);
  });

  test('is never charged above its hold', () => {
    expect(abandoned(cut, 200, { hold: nanos(7n) }).cost).toBe(7n);
  });

  test('has its output counted for the attempt that answers, not for one that declined', () => {
    const silent = part('message', { output_tokens: 0 });
    const hops = [silent, part('fallback_message', { model: sonnet }), part('compaction')];
    const known = play([start({ ...ok, iterations: hops }), text], 'truncated');
    const attempts = abandoned(known).record.usage?.iterations ?? [];
    expect(attempts.map(({ outputTokens }) => outputTokens)).toEqual([0, 200, 15]);
  });

  test.each<[string, Folded, string]>([
    ['S9: that had told its usage', play([start(), text, delta({ output_tokens: 15 })]), 'S9'],
    ['S7: that failed', play([start(), text, error]), 'S7'],
    ['S3: that declined before output', play([start(), delta(ok, 'refusal')]), 'S3'],
    [
      'S3: after an empty frame',
      play([start(), block({ type: 'fallback' }), delta(ok, 'refusal')]),
      'S3',
    ],
    ['S12: that ended with nonsense', play([start(), text, delta({ output_tokens: -1 })]), 'S12'],
  ])('is not estimated if it needs no estimate: %s', (_name, folded, rule) => {
    const command = abandoned(folded);
    expect(command.record).toMatchObject({ rule, estimated: false });
    expect(command.cost).toBe(rule === 'S9' ? COST : ZERO);
  });

  test('of which nothing is known is free', () => {
    expect(abandoned(play([], 'truncated'))).toMatchObject({
      resolution: 'void',
      record: { rule: 'S11', usage: null, lines: null },
    });
  });
});
