import { enqueue } from '#db/jobs';
import type { Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { OrganizationId } from '#kernel/ids';
import { REFUSED_TASK } from '#notices/credit-watch';
import type { NoticesLog } from '#notices/deps';

/** A client that is refused asks again and again; what is told of it changes no faster than this. */
const EVERY_MS = 30_000;
/** Organizations remembered; beyond that all are forgotten, which costs a job each. */
const REMEMBERED_MAX = 10_000;

/**
 * For whoever refuses a request for want of credit: has it looked at whether access is off. Returns
 * at once; what fails is met again by a later refusal.
 */
export function refusalTeller(
  pool: Pool,
  clock: Clock,
  log: Pick<NoticesLog, 'warn'>,
): (organizationId: OrganizationId) => void {
  const told = new Map<OrganizationId, number>();
  return (organizationId) => {
    const now = clock.elapsedMs();
    const before = told.get(organizationId);
    if (before !== undefined && now - before < EVERY_MS) return;
    if (told.size >= REMEMBERED_MAX) told.clear();
    told.set(organizationId, now);
    const payload = { organization_id: organizationId };
    enqueue(pool, REFUSED_TASK, payload, { jobKey: `${REFUSED_TASK}:${organizationId}` }).catch(
      (error: unknown) =>
        log.warn({ organization: organizationId, err: error }, 'a refusal could not be told of'),
    );
  };
}
