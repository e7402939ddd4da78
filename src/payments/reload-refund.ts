import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { ZERO } from '#kernel/money';
import { readCounted, tellWhenBelow } from '#ledger/low';
import type { SettingsRow } from '#payments/auto-reload-sql';
import { lockSettings, noteEvaluation, switchOff } from '#payments/auto-reload-sql';

/**
 * Whoever sent money back, and from wherever: auto-reload is switched off with it, or what went back
 * to the card would be charged to it again. Locks the settings, so it comes before any other lock.
 */
export async function switchOffForRefund(
  tx: Db,
  of: {
    readonly organizationId: OrganizationId;
    readonly purchaseId: string | null;
    readonly actor: string;
  },
): Promise<void> {
  const { organizationId, purchaseId, actor } = of;
  const [settings] = await tx.query<SettingsRow>(lockSettings(organizationId));
  if (settings?.enabled !== true) return;
  await tx.query(switchOff(organizationId, actor));
  await tellWhenBelow(tx, organizationId, null);
  await tx.query(
    noteEvaluation(organizationId, {
      cause: 'refund',
      outcome: 'refunded',
      counted: await readCounted(tx, organizationId),
      pending: ZERO,
      threshold: settings.threshold,
      purchaseId,
      until: null,
    }),
  );
}
