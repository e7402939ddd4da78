import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '#db/pool';
import { newId } from '#kernel/ids';
import { issueGrant } from '#ledger/grants';
import { systemEntropy } from '#src/system';
import type { Chance } from './chance.ts';
import { type Purchase, tell } from './reports.ts';

export type Grant = (purchase: Purchase) => Promise<{ outcome: string; grant: string }>;

/** Opens a grant as every door of payments does: in a transaction, once by its source. */
export const grantOn =
  (pool: Pool): Grant =>
  async ({ payer: { organizationId }, source, kind, amount, tax }) => {
    const grantId = newId('grant', systemEntropy);
    const issued = await pool.transaction((tx) =>
      issueGrant(tx, { organizationId, grantId, kind, amount, tax, source }),
    );
    return { outcome: issued.outcome, grant: issued.grantId };
  };

/** Tells the ledger of each payment, some twice; one that was not answered may come again. */
export async function deliver(
  purchases: readonly Purchase[],
  grant: Grant,
  chance: Chance,
  resting: () => boolean,
): Promise<void> {
  for (const purchase of purchases) {
    let again = chance.happens(0.3) ? 2 : 1;
    while (again > 0 && !resting()) {
      again -= 1;
      const org = purchase.payer.organizationId;
      try {
        tell({ t: 'granted', org, source: purchase.source, ...(await grant(purchase)) });
      } catch (error) {
        const outcome = `unknown: ${error instanceof Error ? error.message : String(error)}`;
        tell({ t: 'granted', org, source: purchase.source, outcome });
        if (chance.happens(0.5)) again += 1;
        await sleep(chance.between(20, 100));
      }
    }
    if (resting()) return;
    await sleep(chance.between(20, 60));
  }
}
