import type { Fraction } from './fraction.mjs';
import type { Measured } from './oracle.mjs';

/** A book as the oracle reads it; nothing outside the oracle looks inside. */
export interface OracleBook {
  readonly minimumSeconds: number;
}

export interface DiscountData {
  readonly model: string | null;
  readonly factor: string;
  readonly applies_to: readonly string[] | null;
  readonly from: string;
  readonly until: string | null;
}

export interface OracleDiscount {
  readonly model: string | null;
}

export interface OracleAttempt {
  readonly type: string;
  readonly model: string;
  readonly billed: boolean;
  readonly input: number;
  readonly output: number;
  readonly cache_read: number;
  readonly cache_write_5m: number;
  readonly cache_write_1h: number;
}

export interface OracleUsage {
  readonly attempts: readonly OracleAttempt[];
  readonly web_searches: number;
  readonly code_execution_seconds: number;
  readonly session_milliseconds: number;
  readonly speed: 'standard' | 'fast';
  readonly region: 'global' | 'us';
  readonly tier: 'standard' | 'batch';
}

export interface OracleLine {
  readonly kind: string;
  readonly model: string | null;
  readonly units: bigint;
  readonly unitPrice: bigint;
  readonly per: bigint;
  readonly multipliers: readonly (readonly [string, bigint, bigint])[];
  readonly amount: Fraction;
}

export interface Priced {
  readonly lines: readonly OracleLine[];
  readonly exact: Fraction;
  readonly total: bigint;
  readonly list: bigint;
  /** What the operator pays; null where a model that served has no upstream price. */
  readonly upstream: bigint | null;
}

export function readBook(data: unknown): OracleBook;
export function readDiscounts(discounts?: readonly DiscountData[]): readonly OracleDiscount[];
export function price(
  book: OracleBook,
  usage: OracleUsage,
  at: number,
  discounts: readonly OracleDiscount[],
): Priced | null;
export function rowAt(
  book: OracleBook,
  name: string,
  at: number,
): { readonly contextWindow: number } | undefined;
export function chargedSeconds(book: OracleBook, measured: Measured): number;
