import { defineConfig } from 'vitest/config';

/** The tests without a database: a mutant is judged in milliseconds, and nothing has to be started. */
export default defineConfig({
  test: {
    include: ['src/{kernel,ledger,charging,pricing}/*.test.ts'],
    exclude: ['**/*.db.test.ts', 'src/ledger/chart.test.ts', 'src/charging/journal*'],
    testTimeout: 2_000,
  },
});
