import { enqueue } from '#db/jobs';
import type { Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { OrganizationId } from '#kernel/ids';
import { LOW_TASK } from '#ledger/low';
import type { SettingsRow } from '#payments/auto-reload-sql';
import { findSettings } from '#payments/auto-reload-sql';
import type { PaymentsLog } from '#payments/deps';

/** A client that is refused asks again and again; the answer changes no faster than this. */
const EVERY_MS = 5_000;
/** Organizations remembered; beyond that all are forgotten, which costs a question each. */
const REMEMBERED_MAX = 10_000;

/**
 * For whoever refuses a request for want of credit: has the question of a reload asked again, of
 * those who have it switched on. Returns at once; what fails is met again by the next refusal.
 */
export function reloadAsker(
  pool: Pool,
  clock: Clock,
  log: Pick<PaymentsLog, 'warn'>,
): (organizationId: OrganizationId) => void {
  const asked = new Map<OrganizationId, number>();

  async function ask(organizationId: OrganizationId): Promise<void> {
    const [settings] = await pool.query<SettingsRow>(findSettings(organizationId));
    if (settings?.enabled !== true) return;
    const payload = { organization_id: organizationId, cause: 'request_refused' };
    await enqueue(pool, LOW_TASK, payload, { jobKey: `${LOW_TASK}:${organizationId}` });
  }

  return (organizationId) => {
    const now = clock.elapsedMs();
    const before = asked.get(organizationId);
    if (before !== undefined && now - before < EVERY_MS) return;
    if (asked.size >= REMEMBERED_MAX) asked.clear();
    asked.set(organizationId, now);
    ask(organizationId).catch((error: unknown) =>
      log.warn({ organization: organizationId, err: error }, 'a reload could not be asked for'),
    );
  };
}
