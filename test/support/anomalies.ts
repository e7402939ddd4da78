import type { Pool } from '#db/pool';
import { setWatchPolicy } from '#spend-watch/policy';
import { raise } from '#spend-watch/raise';
import { systemEntropy } from '#src/system';
import { usd } from '#test/ledger-world';

/** A key that was found to spend $8.20 in five minutes, having spent $0.60 at most before. */
export async function findUnusualKey(
  pool: Pool,
  { organizationId, keyId }: { readonly organizationId: string; readonly keyId: string },
  action: 'alert' | 'pause',
): Promise<void> {
  await pool.transaction((tx) =>
    setWatchPolicy(tx, { organizationId, action, by: 'operator', requestId: null }),
  );
  const speed = { five_minutes: usd('8.2'), hour: usd('9') };
  await raise(
    { pool, entropy: systemEntropy, tell: async () => {} },
    {
      ...{ subject: { organizationId, level: 'api_key', subjectId: keyId }, speed },
      unusual: { window: 'five_minutes', spent: usd('8.2'), usual: usd('0.6'), allowed: usd('5') },
      // No answer to an earlier one is in the way.
      asOf: 'infinity',
    },
  );
}
