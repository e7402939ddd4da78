import type { NanoUsd } from '#kernel/money';

/** What a limit counts. */
export const LIMIT_KINDS = ['requests', 'input_tokens', 'output_tokens'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

/** Per minute. */
export type Limits = Readonly<Record<LimitKind, number>>;

/** Models that share their limits. */
export interface ModelClass {
  readonly id: string;
  readonly name: string;
  /** Model ids; one that ends in `*` stands for all that begin so. The longest that fits counts. */
  readonly models: readonly string[];
}

export interface BatchLimits {
  readonly requests: number;
  readonly queued: number;
  readonly perBatch: number;
}

export interface PurchaseRange {
  readonly least: NanoUsd | null;
  readonly most: NanoUsd | null;
}

export interface Tier {
  readonly name: string;
  /** Seconds of a limit that may be used at once. */
  readonly burstSeconds: number;
  /** What may be spent in a calendar month (UTC); null for any amount. */
  readonly spendCap: NanoUsd | null;
  /** The least and the most that may be bought at once, before tax; null for what everybody has. */
  readonly purchases?: PurchaseRange;
  /** Requests per minute for counting tokens. */
  readonly countTokens: number;
  readonly batches: BatchLimits;
  /** By id of the class; of a class that is not named here, `other` counts. */
  readonly classes: ReadonlyMap<string, Limits>;
  /** For models of no class, which share one pool. */
  readonly other: Limits;
}

/** Which models share limits, and what the limits of each tier are. */
export interface TierBook {
  readonly classes: readonly ModelClass[];
  readonly tiers: readonly Tier[];
}

/** No tier: no limits at all. */
export const NO_TIER = 'none';

/** The class of models that no class names. */
export const OTHER_CLASS = 'other';

export const tierOf = (book: TierBook, name: string): Tier | undefined =>
  book.tiers.find((tier) => tier.name === name);

/** The id of the class a model belongs to. */
export function classOf(book: TierBook, model: string): string {
  let found = OTHER_CLASS;
  let longest = -1;
  for (const { id, models } of book.classes) {
    for (const pattern of models) {
      if (pattern.length > longest && fits(pattern, model)) {
        found = id;
        longest = pattern.length;
      }
    }
  }
  return found;
}

const fits = (pattern: string, model: string): boolean =>
  pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;

export const limitsOf = (tier: Tier, classId: string): Limits =>
  tier.classes.get(classId) ?? tier.other;
