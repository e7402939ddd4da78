import type { SeedResult } from './run-seed.ts';
import { Tally } from './tally.ts';

/** What many seeds came to. */
export class Report {
  seeds = 0;
  operations = 0;
  statements = 0;
  checks = 0;
  readonly failed: number[] = [];
  readonly faults = new Tally();
  readonly outcomes = new Tally();

  add(result: SeedResult): void {
    this.seeds += 1;
    this.operations += result.operations;
    this.statements += result.statements;
    this.checks += result.checks;
    this.faults.include(result.faults);
    this.outcomes.include(result.outcomes);
    if (result.violation !== undefined) this.failed.push(result.seed);
  }

  lines(seconds: number): string[] {
    const violations = this.failed.length === 0 ? '' : `: seeds ${this.failed.join(', ')}`;
    return [
      ...[...this.outcomes.table('outcome'), '', ...this.faults.table('fault'), ''],
      `${this.seeds} seeds in ${seconds.toFixed(0)} s: ${this.operations} operations, ` +
        `${this.statements} statements, ${this.faults.total} faults, ` +
        `${this.checks} answers compared, ${this.failed.length} violations${violations}`,
    ];
  }
}
