import type { Pool } from '#db/pool';
import { atMost, countEntries, LEDGER_CHECKS, oneSnapshot } from '#ledger/checks-sql';
import { only } from '#ledger/sql';

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** Each one a sentence naming the offending rows; at most `VIOLATIONS_MAX`. */
  readonly violations: readonly string[];
}

export interface Verification {
  readonly ok: boolean;
  readonly entries: bigint;
  readonly checks: readonly CheckResult[];
}

/** Enough to see the pattern of a failure; a broken ledger must not also flood the terminal. */
const VIOLATIONS_MAX = 100;

/** Runs every invariant as a query against one snapshot of the live ledger. Changes nothing. */
export function verifyLedger(pool: Pool): Promise<Verification> {
  return pool.transaction(async (tx) => {
    await tx.query(oneSnapshot);
    const { entries } = only(await tx.query<{ entries: bigint }>(countEntries));
    const checks: CheckResult[] = [];
    for (const { name, statement } of LEDGER_CHECKS) {
      const rows = await tx.query<{ violation: string }>(atMost(statement, VIOLATIONS_MAX));
      const violations = rows.map((row) => row.violation);
      checks.push({ name, ok: violations.length === 0, violations });
    }
    return { ok: checks.every((c) => c.ok), entries, checks };
  });
}
