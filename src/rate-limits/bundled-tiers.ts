import { nanos } from '#kernel/money';
import type { BatchLimits, Limits, ModelClass, Tier, TierBook } from './tiers.ts';

const limits = (requests: number, inputTokens: number, outputTokens: number): Limits => ({
  requests,
  input_tokens: inputTokens,
  output_tokens: outputTokens,
});

const batches = (requests: number, queued: number, perBatch: number): BatchLimits => ({
  requests,
  queued,
  perBatch,
});

/** Families that share a pool upstream share one here. */
const classes: readonly ModelClass[] = [
  { id: 'fable-5', name: 'Claude Fable 5.x', models: ['claude-fable-5*'] },
  { id: 'mythos-5', name: 'Claude Mythos 5.x', models: ['claude-mythos-5*'] },
  { id: 'opus-5-5', name: 'Claude Opus 5.5', models: ['claude-opus-5-5*'] },
  { id: 'opus-5', name: 'Claude Opus 5', models: ['claude-opus-5*'] },
  { id: 'opus-4', name: 'Claude Opus 4.x', models: ['claude-opus-4*'] },
  { id: 'sonnet-5-5', name: 'Claude Sonnet 5.5', models: ['claude-sonnet-5-5*'] },
  { id: 'sonnet-5', name: 'Claude Sonnet 5', models: ['claude-sonnet-5*'] },
  { id: 'sonnet-4', name: 'Claude Sonnet 4.x', models: ['claude-sonnet-4*'] },
  { id: 'haiku-5-5', name: 'Claude Haiku 5.5', models: ['claude-haiku-5-5*'] },
  { id: 'haiku-4-5', name: 'Claude Haiku 4.5', models: ['claude-haiku-4-5*'] },
];

const WHOLE_MINUTE = 60;

const USD = 1_000_000_000n;

function tier(
  name: string,
  spendCapUsd: bigint,
  usual: Limits,
  largest: Limits,
  countTokens: number,
  batch: BatchLimits,
): Tier {
  return {
    spendCap: nanos(spendCapUsd * USD),
    ...{ name, burstSeconds: WHOLE_MINUTE, countTokens, batches: batch, other: usual },
    classes: new Map(
      classes.map(({ id }) => [id, id === 'fable-5' || id === 'mythos-5' ? largest : usual]),
    ),
  };
}

/** The tiers of the public API as of autumn 2026. An operator's own come from a file. */
export const bundledTiers: TierBook = {
  classes,
  tiers: [
    tier(
      'start',
      500n,
      limits(1_000, 2_000_000, 400_000),
      limits(1_000, 500_000, 100_000),
      2_000,
      batches(1_000, 200_000, 100_000),
    ),
    tier(
      'build',
      1_000n,
      limits(5_000, 5_000_000, 1_000_000),
      limits(2_000, 1_500_000, 300_000),
      4_000,
      batches(2_000, 300_000, 100_000),
    ),
    tier(
      'scale',
      200_000n,
      limits(10_000, 10_000_000, 2_000_000),
      limits(4_000, 4_000_000, 800_000),
      8_000,
      batches(4_000, 500_000, 100_000),
    ),
  ],
};
