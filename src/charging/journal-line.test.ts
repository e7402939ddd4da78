import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  damagedBytes,
  damagedKey,
  endBytes,
  type KeptSettlement,
  readJournal,
  readSetAside,
  rejectedBytes,
  settlementBytes,
} from '#charging/journal-line';
import { nanos } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { ATTEMPT_OUTCOMES } from '#metering/upstream-attempts';
import { settlement } from '#test/journal-world';

const count = fc.maxSafeNat();
const REQUIRED = [
  ...(['iterations', 'webSearches', 'codeExecutionSeconds', 'sessionMilliseconds'] as const),
  ...(['speed', 'inferenceGeo', 'serviceTier'] as const),
];
const usage: fc.Arbitrary<Usage> = fc.record(
  {
    iterations: fc.array(
      fc.record({
        model: fc.string({ unit: 'binary' }),
        kind: fc.constantFrom(
          ...(['message', 'fallback_message', 'compaction', 'advisor_message', 'other'] as const),
        ),
        billed: fc.boolean(),
        inputTokens: count,
        outputTokens: count,
        cacheReadTokens: count,
        cacheWrite5mTokens: count,
        cacheWrite1hTokens: count,
      }),
      { maxLength: 3 },
    ),
    webSearches: count,
    codeExecutionSeconds: count,
    sessionMilliseconds: count,
    speed: fc.constantFrom('standard', 'fast'),
    inferenceGeo: fc.constantFrom('global', 'us'),
    serviceTier: fc.constantFrom('standard', 'batch'),
    unknown: fc.dictionary(fc.stringMatching(/^[a-z][a-z_.]{0,9}$/), count, {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  },
  { requiredKeys: REQUIRED },
);
const instant = fc.date({
  min: new Date('1970-01-01'),
  max: new Date('9999-12-31'),
  noInvalidDate: true,
});
const amount = fc.bigInt(0n, 2n ** 63n - 1n).map(nanos);

const attempt = fc.record({
  upstream: fc.string(),
  outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
  status: fc.option(fc.nat(599)),
  elapsedMs: fc.nat(),
  cost: fc.option(amount),
});

const kept: fc.Arbitrary<KeptSettlement> = fc
  .record({
    cost: amount,
    happenedAt: instant,
    model: fc.string({ unit: 'grapheme' }),
    rule: fc.constantFrom('S1' as const, 'S2' as const, 'S9' as const, 'S11' as const),
    usage: fc.option(usage),
    lines: fc.option(fc.constant({ models: ['m'], lines: [['input', 0, '25', '5000000000']] })),
    listAmount: fc.option(amount),
    upstreamCost: fc.option(amount),
    startedAt: instant,
    estimated: fc.boolean(),
    upstreamStatus: fc.option(fc.nat(599)),
    lossUsage: amount,
    upstreamAttempts: fc.array(attempt, { maxLength: 3 }),
    adopted: fc.boolean(),
    retryOf: fc.option(fc.constant('req_1')),
  })
  .map(({ cost, happenedAt, ...changes }) => {
    const { record, ...command } = settlement();
    return {
      ...command,
      cost,
      happenedAt,
      resolution: 'settle',
      record: { ...record, ...changes },
    };
  });

const checksum = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

const one = (): KeptSettlement => ({
  ...settlement(),
  resolution: 'settle',
  happenedAt: new Date('2026-11-21T04:05:06.789Z'),
});

describe('a line of the journal', () => {
  test('is read as it was written, whatever the settlement', () => {
    fc.assert(
      fc.property(fc.array(kept, { maxLength: 5 }), (settlements) => {
        const read = readJournal(Buffer.concat(settlements.map(settlementBytes)));
        expect([...read.open.values()]).toEqual(settlements);
        expect(read).toMatchObject({ damaged: [], torn: false });
      }),
    );
  });

  test('holds counts, amounts and ids, and nothing that a request or an answer said', () => {
    const [, json = ''] = /^[0-9a-f]{16} (.*)\n$/.exec(settlementBytes(one()).toString()) ?? [];
    const line: Record<string, Record<string, unknown>> = JSON.parse(json);
    expect(Object.keys(line)).toEqual([
      ...['kind', 'organizationId', 'requestId', 'cost', 'happenedAt', 'record'],
    ]);
    expect(Object.keys(line.record ?? {})).toEqual([
      ...['apiKeyId', 'workspaceId', 'model', 'rule', 'usage', 'lines', 'listAmount'],
      ...['upstreamCost', 'priceVersion', 'startedAt'],
      ...['clientDisconnected', 'estimated', 'quarantined', 'upstreamStatus', 'lossUsage'],
      ...['adopted', 'retryOf'],
    ]);
  });

  test('that the release before wrote is read: without kinds, fees by time, lines or amounts', () => {
    const { organizationId, requestId, cost, happenedAt, record } = one();
    const {
      lines: _l,
      listAmount: _a,
      upstreamCost: _u,
      adopted: _d,
      retryOf: _r,
      ...before
    } = record;
    const counts = { model: 'm', inputTokens: 25, outputTokens: 15, cacheReadTokens: 0 };
    const attempt = { ...counts, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 };
    const settings = {
      speed: 'standard',
      inferenceGeo: 'global',
      serviceTier: 'standard',
    } as const;
    const usage = { iterations: [attempt], webSearches: 1, ...settings };
    const text = JSON.stringify(
      {
        kind: 'settlement',
        organizationId,
        requestId,
        cost,
        happenedAt,
        record: { ...before, usage },
      },
      (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part),
    );
    const read = readJournal(Buffer.from(`${checksum(text)} ${text}\n`));
    expect(read.open.get(requestId)?.record).toEqual({
      ...record,
      usage: {
        ...usage,
        iterations: [{ ...attempt, kind: 'message', billed: true }],
        codeExecutionSeconds: 0,
        sessionMilliseconds: 0,
      },
      lines: null,
      listAmount: null,
      upstreamCost: null,
    });
  });

  test('that has ended is not found any more, in whichever order they end', () => {
    const [a, b, c] = [one(), one(), one()];
    const bytes = [a, b, c].map(settlementBytes);
    const ended = [...bytes, endBytes(c.requestId), endBytes(a.requestId)];
    expect([...readJournal(Buffer.concat(ended)).open.keys()]).toEqual([b.requestId]);
  });
});

describe('F6: a write that was cut off', () => {
  const lines = [one(), one(), one()].map(settlementBytes);
  const bytes = Buffer.concat(lines);
  const ends = lines.map((_, index) => Buffer.concat(lines.slice(0, index + 1)).length);

  test('at any byte loses that line alone, and is told from a whole file', () => {
    for (let length = 0; length <= bytes.length; length++) {
      const read = readJournal(bytes.subarray(0, length));
      // A line that lacks only its line break is whole.
      const whole = ends.filter((end) => end - 1 <= length).length;
      expect(read.open.size, `cut at ${length}`).toBe(whole);
      const atEnd = length === 0 || ends.some((end) => length === end || length === end - 1);
      expect(read.torn, `cut at ${length}`).toBe(!atEnd);
      expect(read.damaged).toEqual([]);
    }
  });

  test('leaving nothing but zeros where the disk had not written yet, is torn too', () => {
    const read = readJournal(Buffer.concat([bytes, Buffer.alloc(4_096)]));
    expect(read.open.size).toBe(3);
    expect(read).toMatchObject({ torn: true, damaged: [] });
  });
});

test('F24: a changed bit anywhere is noticed, and costs no other line', () => {
  const lines = [one(), one(), one()].map(settlementBytes);
  const [before = Buffer.alloc(0), hit = Buffer.alloc(0), after = Buffer.alloc(0)] = lines;
  for (let at = 0; at < hit.length - 1; at++) {
    const changed = Buffer.from(hit);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    const read = readJournal(Buffer.concat([before, changed, after]));
    expect(read.open.size, `at ${at}`).toBe(2);
    expect(read.damaged).toEqual([changed.subarray(0, -1)]);
    expect(read.torn).toBe(false);
  }
});

test('what is set aside is found by its request, or by its bytes if it has none that is legible', () => {
  const kept = one();
  const bytes = Buffer.from('nothing of ours');
  const read = readSetAside(Buffer.concat([rejectedBytes(kept, 'rejected'), damagedBytes(bytes)]));
  expect(read).toEqual([kept.requestId, damagedKey(bytes)]);
});
