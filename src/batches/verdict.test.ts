import { describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { foldBatchItem } from '#metering/batch-item';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import type { PinnedPrices } from './holds.ts';
import type { Batch } from './records.ts';
import { itemVerdict } from './verdict.ts';

const batch: Batch = {
  organizationId: newId('organization', systemEntropy),
  workspaceId: newId('workspace', systemEntropy),
  apiKeyId: newId('apiKey', systemEntropy),
  id: newId('batch', systemEntropy),
  state: 'ended',
  upstreamId: 'msgbatch_upstream',
  items: 1,
  priceEpoch: 1n,
  admittedAt: new Date('2026-11-21T00:00:00Z'),
  counts: { processing: 0, succeeded: 1, errored: 0, canceled: 0, expired: 0 },
  ...{ createdAt: null, expiresAt: null, endedAt: null, cancelInitiatedAt: null },
  ...{
    archivedAt: null,
    resultsEndedAt: null,
    upstream: null,
    leaseIsShort: false,
    overdue: false,
  },
};
const item = { number: 7, customId: 'a', model: 'claude-opus-5', outputTokensMax: 100 };
const prices: PinnedPrices = { book: bundledBook(), terms: [] };

const message = (changes: object = {}) => ({
  type: 'message',
  model: 'claude-opus-5',
  stop_reason: 'end_turn',
  content: [{ type: 'text', text: 'Hello' }],
  usage: { input_tokens: 100, output_tokens: 20, service_tier: 'standard' },
  ...changes,
});
function verdictOn(result: object) {
  const folded = foldBatchItem({ custom_id: 'a', result }, () => ({
    model: item.model,
    outputTokensMax: item.outputTokensMax,
    contextWindowOf: (model) => prices.book.priceOf(model, batch.admittedAt)?.contextWindow,
  }));
  if (folded.outcome !== 'item') throw new Error(folded.reason);
  return itemVerdict(batch, item, folded.folded, prices);
}

describe('S18: what an item costs', () => {
  test('succeeded: its usage at half the price, whatever tier it names', () => {
    const { command, quarantined } = verdictOn({ type: 'succeeded', message: message() });
    expect(command).toMatchObject({ resolution: 'settle', cost: 500_000n });
    expect(command.record).toMatchObject({ rule: 'S18', quarantined: false });
    expect(command.requestId).toBe(`req_${batch.id.slice('msgbatch_'.length)}_7`);
    expect(quarantined).toBeUndefined();
  });

  test.each([
    ['errored', { type: 'errored', error: {} }, 'S18'],
    ['canceled', { type: 'canceled' }, 'S18'],
    ['expired', { type: 'expired' }, 'S18'],
    [
      'declined before any output',
      { type: 'succeeded', message: message({ stop_reason: 'refusal', content: [] }) },
      'S3',
    ],
  ])('%s: nothing', (_how, result, rule) => {
    const { command, quarantined } = verdictOn(result);
    expect(command).toMatchObject({ resolution: 'void', cost: 0n });
    expect(command.record).toMatchObject({ rule, quarantined: false, lines: null });
    expect(quarantined).toBeUndefined();
  });

  test.each([
    ['an unknown ending', { type: 'paused' }],
    ['no usage', { type: 'succeeded', message: message({ usage: null }) }],
    [
      'more output than was asked',
      { type: 'succeeded', message: message({ usage: { input_tokens: 1, output_tokens: 101 } }) },
    ],
    ['a model without a price', { type: 'succeeded', message: message({ model: 'claude-nope' }) }],
  ])('%s: nothing, and a person must look', (_how, result) => {
    const { command, quarantined } = verdictOn(result);
    expect(command).toMatchObject({ resolution: 'void', cost: 0n });
    expect(command.record).toMatchObject({ rule: 'S12', quarantined: true });
    expect(quarantined).toBeTypeOf('string');
  });
});
