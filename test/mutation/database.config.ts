import { defineConfig } from 'vitest/config';

/** The tests of money with a database: what only they can judge, at a second or two per mutant. */
export default defineConfig({
  test: {
    include: [
      'test/stories/stories.db.test.ts',
      'src/ledger/{grants,refunds,disputes,reversals,voiding,breakage,statement,as-of,reading}.db.test.ts',
      'src/ledger/{refunds,disputes,grants}.test.ts',
      'src/charging/receipt*.test.ts',
    ],
    globalSetup: ['test/support/postgres.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
