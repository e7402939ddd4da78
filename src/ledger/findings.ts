/** The result of one rule. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** Each one a sentence naming the offending rows; at most `VIOLATIONS_MAX`. */
  readonly violations: readonly string[];
}

/** Enough to see the pattern of a failure; a broken ledger must not also flood the terminal. */
export const VIOLATIONS_MAX = 100;

/** Violations by rule, in the order in which rules were asked. */
export class Findings {
  readonly #violations = new Map<string, string[]>();

  /** Every rule that was asked is listed, whether it found something or not. */
  add(name: string, violations: readonly string[]): void {
    const known = this.#violations.get(name) ?? [];
    const fresh = violations.filter((violation) => !known.includes(violation));
    this.#violations.set(name, [...known, ...fresh].slice(0, VIOLATIONS_MAX));
  }

  results(): CheckResult[] {
    return [...this.#violations].map(([name, violations]) => ({
      name,
      ok: violations.length === 0,
      violations,
    }));
  }
}
