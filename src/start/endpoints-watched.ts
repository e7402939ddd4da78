import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { listEndpoints } from '#outgoing-webhooks/endpoints';
import type { WatchingEndpoint } from '#watching/watchers';

/** The programs that are told of what happens. One that a person switched off is told nothing. */
export async function endpointsWatched(
  db: Db,
  organizationId: OrganizationId,
): Promise<WatchingEndpoint[]> {
  const all = await listEndpoints(db, organizationId);
  return all
    .filter(({ status }) => status !== 'paused')
    .map(({ url, eventTypes, status, failingSince }) => ({
      ...{ url, eventTypes },
      works: status === 'enabled' && failingSince === null,
    }));
}
