/**
 * Units one model served, as reported by the upstream's response. All counts are non-negative
 * safe integers. `promptTokens` for length bands is input + cache reads + cache writes.
 */
export interface ModelUsage {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
}

/** What one request used: one entry per served iteration, plus what is not counted in tokens. */
export interface Usage {
  readonly iterations: readonly ModelUsage[];
  readonly webSearches: number;
  readonly speed: 'standard' | 'fast';
  readonly inferenceGeo: 'global' | 'us';
  readonly serviceTier: 'standard' | 'batch';
}
