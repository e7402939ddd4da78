import { describe, expect, test } from 'vitest';
import { attempt, expectation, message, ok, opus, sonnet } from '#test/wire-answers';
import { foldBatchItem } from './batch-item.ts';

const line = (result: unknown) => ({ custom_id: 'order-7', result });
const succeeded = (usage: unknown, more: Record<string, unknown> = {}) =>
  line({ type: 'succeeded', message: message(usage, more) });
const folded = (item: unknown) => {
  const read = foldBatchItem(item, () => expectation);
  if (read.outcome !== 'item') throw new Error(read.reason);
  expect(read.customId).toBe('order-7');
  return read.folded;
};

describe('S18: an item of a batch', () => {
  test.each([[null], ['standard'], ['priority'], ['batch']])(
    'that succeeded is used at batch prices, whatever tier it names (%j)',
    (service_tier) => {
      expect(folded(succeeded({ ...ok, service_tier }))).toEqual({
        rule: 'S18',
        chargeable: true,
        model: opus,
        usage: {
          iterations: [attempt({ inputTokens: 25, outputTokens: 15 })],
          webSearches: 0,
          codeExecutionSeconds: 0,
          sessionMilliseconds: 0,
          speed: 'standard',
          inferenceGeo: 'global',
          serviceTier: 'batch',
        },
      });
    },
  );

  test.each(['errored', 'canceled', 'expired'])('that %s is free', (type) => {
    const item = line({ type, error: { type: 'error', error: { type: 'api_error' } } });
    expect(folded(item)).toMatchObject({ rule: 'S18', chargeable: false, usage: null });
  });

  test.each<[string, unknown, string]>([
    ['S3: refused before output', succeeded(ok, { stop_reason: 'refusal', content: [] }), 'S3'],
    ['S4: refused after output', succeeded(ok, { stop_reason: 'refusal' }), 'S4'],
    ['F30: without usage', succeeded(undefined), 'S12'],
    ['F31: with a negative count', succeeded({ input_tokens: 25, output_tokens: -1 }), 'S12'],
    ['F37: of an unknown model', succeeded(ok, { model: 'nobody' }), 'S12'],
    ['F42: that is no message', line({ type: 'succeeded', message: { type: 'error' } }), 'S12'],
    ['F42: without a message', line({ type: 'succeeded' }), 'S12'],
    ['with an unknown end', line({ type: 'postponed' }), 'S12'],
    ['without a result', line(null), 'S12'],
  ])('%s follows its own rule', (_name, item, rule) => {
    const read = folded(item);
    expect(read).toMatchObject({ rule, chargeable: rule === 'S4' });
    expect(read.usage?.serviceTier ?? 'batch').toBe('batch');
  });

  test('is measured by what its own request allowed', () => {
    const asked: string[] = [];
    foldBatchItem(succeeded(ok), (customId) => {
      asked.push(customId);
      return expectation;
    });
    expect(asked).toEqual(['order-7']);
    const own = { ...expectation, outputTokensMax: 14 };
    expect(foldBatchItem(succeeded(ok), () => own)).toMatchObject({ folded: { rule: 'S12' } });
    const nothing = foldBatchItem(succeeded(ok, { model: sonnet }));
    expect(nothing).toMatchObject({ folded: { rule: 'S18', model: sonnet } });
  });

  test.each([
    [null],
    ['{}'],
    [{}],
    [{ custom_id: 7 }],
    [{ custom_id: '' }],
    [{ custom_id: 'x'.repeat(257) }],
  ])('that names no request settles nothing: %j', (item) => {
    expect(foldBatchItem(item)).toMatchObject({ outcome: 'unreadable' });
  });
});
