import { type RateGate, rateGate } from '#gateway/rates';
import type { SetCap } from '#gateway/tier-cap';
import type { Clock } from '#kernel/clock';
import { adjusted, fullLevel, type Level, refilled, SCALE, unitsIn } from '#rate-limits/bucket';
import { openLimiter } from '#rate-limits/limiter';
import { modelLimits } from '#rate-limits/model-limits';
import type { Ask, BucketStore } from '#rate-limits/store';
import type { TierBook } from '#rate-limits/tiers';

/** Shared buckets in memory: what the database does, by the pure bucket. */
export class MemoryBuckets implements BucketStore {
  readonly levels = new Map<string, Level>();
  nodes = 1;
  rounds = 0;
  reachable = true;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async exchange(asks: readonly Ask[]) {
    if (!this.reachable) throw new Error('the buckets are away');
    this.rounds += 1;
    const leases = asks.map((ask) => this.#lease(ask));
    return { leases, nodes: this.nodes };
  }

  #lease({ bucket, rule, back, want }: Ask) {
    const name = `${bucket.organizationId} ${bucket.pool} ${bucket.kind}`;
    const nowMs = this.#clock.elapsedMs();
    const known = this.levels.get(name) ?? fullLevel(rule, nowMs);
    const level = adjusted(rule, refilled(rule, known, nowMs), back);
    const granted = Math.max(0, Math.min(want, unitsIn(level)));
    const left = { ...level, scaled: level.scaled - granted * SCALE };
    this.levels.set(name, left);
    return { granted, leftScaled: left.scaled };
  }
}

/** A tier book with one tier, `test`, whose limits hold for every model. */
export function oneTier(
  limits: Partial<Record<'requests' | 'input_tokens' | 'output_tokens', number>> & {
    readonly countTokens?: number;
    readonly burstSeconds?: number;
  },
): TierBook {
  const { countTokens = 1_000_000, burstSeconds = 60, ...given } = limits;
  const other = {
    ...{ requests: 1_000_000, input_tokens: 100_000_000, output_tokens: 100_000_000 },
    ...given,
  };
  const batches = { requests: 1, queued: 1, perBatch: 1 };
  const tier = {
    name: 'test',
    spendCap: null,
    burstSeconds,
    countTokens,
    batches,
    other,
    classes: new Map(),
  };
  return { classes: [], tiers: [tier] };
}

export function gateOf(
  book: TierBook,
  options: {
    readonly clock: Clock;
    readonly store: BucketStore;
    readonly brand?: string;
    readonly standard?: string;
    readonly patienceMs?: number;
    readonly setCap?: SetCap;
  },
): RateGate {
  const { clock, store, brand, standard = 'test', patienceMs = 50, setCap } = options;
  const limiter = openLimiter({ store, clock, patienceMs, onFailure: () => {} });
  const limits = modelLimits(book, standard, limiter);
  const limitsUrl = 'http://console/settings/limits';
  return rateGate({ limits, limiter, clock, brand, limitsUrl, setCap });
}
