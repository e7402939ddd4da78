import type { PricesNow } from '#catalog/live';
import type { Pool } from '#db/pool';
import type { Identity } from '#identity/port';
import type { Entropy } from '#kernel/ids';
import type { PriceBook } from '#pricing/book';
import type { TierBook } from '#rate-limits/tiers';

/** Who the audit trail says it was: the command line does not know which person. */
export const OPERATOR = 'operator';

/** What a verb found out. `exitCode` other than 0 for an answer that is bad news. */
export type Answer =
  | {
      readonly outcome: 'done';
      readonly json: unknown;
      readonly text: string;
      readonly exitCode?: number;
    }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string };

/** The running system as the verbs see it. */
export interface System {
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly entropy: Entropy;
  readonly pepper: Buffer;
  readonly identity: Identity;
  /** The tier of whoever has none of its own; absent for none. */
  readonly defaultTier?: string;
  /** The book this deployment was given: for receipts of a release that kept no lines. */
  readonly book: PriceBook;
  /** The tiers of this deployment; absent for the bundled ones. */
  readonly tiers?: TierBook;
  /** The prices in force, and business time. */
  latestPrices(): Promise<PricesNow>;
  close(): Promise<void>;
}

export type SystemOutcome =
  | { readonly outcome: 'found'; readonly system: System }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string };

/** What the composition root hands in. */
export interface CliHost {
  readonly version: string;
  openSystem(): Promise<SystemOutcome>;
  /** Runs until stopped; answers the exit code. */
  start(): Promise<number>;
  migrate(): Promise<Answer>;
  doctor(): Promise<Answer>;
  stdout(text: string): void;
  stderr(text: string): void;
}

export const done = (json: unknown, text: string): Answer => ({ outcome: 'done', json, text });

/** Too long to hand over: the verb has written its answer to standard output itself. */
export const WRITTEN: Answer = { outcome: 'done', json: undefined, text: '' };

export const failed = (code: string, message: string): Answer => ({
  outcome: 'failed',
  code,
  message,
});

/** A time on the command line: RFC 3339, or a date that means its first moment in UTC. */
export function parseTime(text: string): Date | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)) {
    return undefined;
  }
  const time = new Date(text);
  // 31 February would be read as 3 March.
  const day = text.slice(0, 10);
  const midnight = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(time.getTime()) || Number.isNaN(midnight.getTime())) return undefined;
  return midnight.toISOString().startsWith(day) ? time : undefined;
}

const columnsOf = (rows: readonly (readonly string[])[]): number[] => {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return widths;
};

/** Rows in aligned columns, two blanks apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = columnsOf(rows);
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
