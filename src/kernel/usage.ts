/**
 * Why the upstream ran a model. `other` is a reason this release does not know: it is paid for like
 * any attempt, at the price of its model.
 */
export type AttemptKind =
  | 'message'
  | 'fallback_message'
  | 'compaction'
  | 'advisor_message'
  | 'other';

/**
 * One attempt (iteration) as the upstream's response reported it. All counts are non-negative safe
 * integers. The prompt, for length bands, is input + cache reads + cache writes.
 */
export interface ModelUsage {
  readonly model: string;
  readonly kind: AttemptKind;
  /** False for an attempt that declined before any output (S3, S5): recorded, never charged. */
  readonly billed: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
}

/** What one request used: every attempt, plus what is not counted in tokens. */
export interface Usage {
  readonly iterations: readonly ModelUsage[];
  readonly webSearches: number;
  /** Container time charged for code execution: whole seconds, after minimum and free allowance. */
  readonly codeExecutionSeconds: number;
  /** Running time of a managed session, whole milliseconds. */
  readonly sessionMilliseconds: number;
  readonly speed: 'standard' | 'fast';
  readonly inferenceGeo: 'global' | 'us';
  readonly serviceTier: 'standard' | 'batch';
  /**
   * Counts the upstream reported under names this release does not know: kept, never priced. Names
   * and non-negative integers only, so no content.
   */
  readonly unknown?: Readonly<Record<string, number>>;
}
