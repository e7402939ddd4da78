import type { Db } from '#db/pool';
import * as sql from './deliveries-sql.ts';
import { wakeSender } from './publish.ts';
import { purgeEvents } from './sql.ts';

/** How long it can be seen what was sent, and sent again. Business time. */
export const KEPT_DAYS = 30;
export const PAGE_MAX = 50;
/** Of one delivery the newest are shown; a whole plan of retries and more. */
const ATTEMPTS_SHOWN = 20;
const PURGED_AT_ONCE = 5_000;

export type Delivery = sql.DeliveryRow;

/** The newest first, `most` at a time. */
export async function listDeliveries(
  db: Db,
  of: {
    readonly organizationId: string;
    readonly endpointId: string;
    /** The last event of the page before. */
    readonly before?: string | undefined;
    readonly most?: number | undefined;
  },
): Promise<{ readonly deliveries: readonly Delivery[]; readonly more: boolean }> {
  const most = Math.min(of.most ?? PAGE_MAX, PAGE_MAX);
  const rows = await db.query<sql.DeliveryRow>(
    sql.listDeliveries({
      organizationId: of.organizationId,
      endpointId: of.endpointId,
      before: of.before ?? null,
      most: most + 1,
      attemptsMost: ATTEMPTS_SHOWN,
    }),
  );
  return { deliveries: rows.slice(0, most), more: rows.length > most };
}

export type Resent = 'waiting' | 'unknown_delivery' | 'under_way' | 'endpoint_off';

/** Sends one event to one endpoint once more, under its old id and with a plan of retries anew. */
export async function resend(
  tx: Db,
  organizationId: string,
  endpointId: string,
  eventId: string,
): Promise<Resent> {
  const [standing] = await tx.query<sql.StandingRow>(
    sql.lockDelivery(organizationId, endpointId, eventId),
  );
  if (standing === undefined) return 'unknown_delivery';
  if (!standing.enabled) return 'endpoint_off';
  if (standing.underWay) return 'under_way';
  await tx.query(sql.resend(organizationId, endpointId, eventId));
  await wakeSender(tx, organizationId);
  return 'waiting';
}

/** Forgets events that are older than they can be seen, with all that was noted of them. */
export async function forgetEvents(db: Db): Promise<number> {
  return (await db.query(purgeEvents(KEPT_DAYS, PURGED_AT_ONCE))).length;
}
