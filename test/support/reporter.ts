import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * The last line of a run, alone on its line: `N passed, N failed`. A test that was skipped kept
 * no promise, so it counts as failed; a file that did not load counts as one failure.
 */
export default class LastLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const filtered = process.argv.some((word) => /^(-t|--testNamePattern)/.test(word));
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const state = stateOf(test);
        if (state === 'passed') passed += 1;
        else if (state === 'failed' || !filtered) failed += 1;
      }
    }
    if (failed > 0 || passed === 0) process.exitCode = 1;
    process.once('exit', () => process.stdout.write(`${passed} passed, ${failed} failed\n`));
  }
}

const stateOf = (test: TestCase): string => test.result().state;
