import type { Fraction } from './fraction.mjs';
import type { DiscountData, OracleBook } from './prices.mjs';

export type Outcome = 'charged' | 'free' | 'quarantined' | 'refused';

export interface ExpectedLine {
  readonly kind: string;
  readonly model?: string | null;
  readonly units?: string;
  readonly unit_price_nanos?: string;
  readonly per?: string;
  readonly multipliers?: readonly (readonly [string, string, string])[];
  readonly amount: string;
}

export interface Expected {
  readonly outcome: Outcome;
  readonly total_nanos: string;
  readonly list_nanos: string;
  readonly upstream_nanos?: string;
  readonly paid_nanos?: string;
  readonly operator_overrun_nanos?: string;
  readonly lines: readonly ExpectedLine[];
}

/** What is not on the wire: time that somebody measured. */
export interface Measured {
  /** Types of the tools offered. */
  readonly tools: readonly string[];
  readonly executions_ms: readonly number[];
  readonly files_preloaded: boolean;
  /** Of the month's free hours, before this request. */
  readonly free_seconds_used: number;
  readonly session_ms: number;
}

/** A row before its expectation: what was asked, and what came back. */
export interface Question {
  readonly admitted_at: string;
  readonly asked_model: string;
  readonly asked_speed?: 'fast';
  readonly max_tokens: number;
  readonly status?: number;
  readonly answer?: unknown;
  readonly events?: readonly { readonly type: string }[];
  readonly batch_result?: unknown;
  readonly stopped_by_us?: { readonly counted_output_tokens: number };
  readonly client_disconnected?: boolean;
  readonly measured?: Measured;
  readonly discounts?: readonly DiscountData[];
  readonly hold?: { readonly nanos: string; readonly available_nanos: string };
}

export interface Case extends Question {
  readonly file: string;
  readonly id: string;
  readonly rule: string;
  readonly source: string;
  readonly note?: string;
  readonly working?: string;
  readonly expect: Expected;
}

/** As much of `pricing/book.json` as is looked at by name; the rest is in the file itself. */
export interface BookFile {
  readonly models: readonly BookRow[];
}

export interface BookRow {
  readonly model: string;
  readonly aliases: readonly string[];
  readonly from: string;
  readonly until: string | null;
  readonly bands: readonly Band[];
  readonly explicit: readonly { readonly bands: readonly Band[] }[];
}

/** Prices by kind, in digits, and the threshold as a number. */
export type Band = Readonly<Record<string, string | number>>;

export function loadBook(): BookFile;
export function loadCases(): Case[];
export function judge(book: OracleBook, row: Question): Expected;
export function evaluate(working: string): Fraction;
export function differences(bookData: unknown, cases: readonly Case[]): string[];
