import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chartOfAccounts } from '../../scripts/chart-of-accounts.ts';

test('the published chart of accounts is the one the code runs on', () => {
  const published = readFileSync(
    new URL('../../docs/chart-of-accounts.md', import.meta.url),
    'utf8',
  );
  expect(published).toBe(chartOfAccounts());
});
