import { expect, test } from 'vitest';
import { bundledBook } from '#pricing/bundled-book';
import { bundledTiers } from './bundled-tiers.ts';
import { classOf, limitsOf, OTHER_CLASS, tierOf } from './tiers.ts';

test.each([
  ['claude-opus-5-5', 'opus-5-5'],
  ['claude-opus-5', 'opus-5'],
  ['claude-opus-4-8', 'opus-4'],
  ['claude-opus-4-5', 'opus-4'],
  ['claude-opus-4-5-20251101', 'opus-4'],
  ['claude-sonnet-4-6', 'sonnet-4'],
  ['claude-sonnet-4-5-20250929', 'sonnet-4'],
  ['claude-sonnet-5', 'sonnet-5'],
  ['claude-sonnet-5-5', 'sonnet-5-5'],
  ['claude-haiku-5-5', 'haiku-5-5'],
  ['claude-haiku-4-5', 'haiku-4-5'],
  ['claude-fable-5', 'fable-5'],
  ['claude-fable-5-2', 'fable-5'],
  ['claude-2.1', OTHER_CLASS],
  ['', OTHER_CLASS],
])('%s shares the limits of %s', (model, expected) => {
  expect(classOf(bundledTiers, model)).toBe(expected);
});

test('an alias has the class of the model it stands for', () => {
  for (const { model, aliases } of bundledBook().rows) {
    for (const alias of aliases) {
      expect(classOf(bundledTiers, alias)).toBe(classOf(bundledTiers, model));
    }
  }
});

test('each tier gives more than the one before it, in every class', () => {
  const [start, build, scale] = ['start', 'build', 'scale'].map((name) => {
    const tier = tierOf(bundledTiers, name);
    if (tier === undefined) throw new Error(`no tier ${name}`);
    return tier;
  });
  if (start === undefined || build === undefined || scale === undefined) throw new Error('none');
  for (const { id } of bundledTiers.classes) {
    for (const kind of ['requests', 'input_tokens', 'output_tokens'] as const) {
      const [one, two, three] = [start, build, scale].map((tier) => limitsOf(tier, id)[kind]);
      expect(one).toBeLessThan(two ?? 0);
      expect(two).toBeLessThan(three ?? 0);
    }
  }
  expect(limitsOf(start, 'opus-4')).toEqual({
    ...{ requests: 1_000, input_tokens: 2_000_000, output_tokens: 400_000 },
  });
  expect(limitsOf(start, 'fable-5').input_tokens).toBe(500_000);
  expect([start, build, scale].map(({ countTokens }) => countTokens)).toEqual([
    2_000, 4_000, 8_000,
  ]);
});
