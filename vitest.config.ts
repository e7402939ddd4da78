import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'sims/**/*.test.ts', 'test/**/*.test.ts', 'web/**/*.test.ts'],
    globalSetup: ['test/support/postgres.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    // Measured: isolation per file costs ten times the tests; ours keep no module-level state.
    pool: 'threads',
    isolate: false,
    maxWorkers: 2,
    // No test is judged by how long it takes: these end what hangs, also on a busy machine.
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
  },
});
