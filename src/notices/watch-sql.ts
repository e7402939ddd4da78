import type { Statement } from '#db/pool';

export type WatchSubject = 'credit' | 'runway';

export interface WatchRow {
  readonly state: string;
  readonly episode: bigint;
  readonly level: bigint;
  readonly now: Date;
}

/** Without a row none could be locked. */
export const openWatch = (
  organizationId: string,
  subject: WatchSubject,
  state: string,
): Statement => ({
  text: `INSERT INTO notices.watches (organization_id, subject, state) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING`,
  values: [organizationId, subject, state],
});

export const lockWatch = (organizationId: string, subject: WatchSubject): Statement => ({
  text: `SELECT state, episode, level_nanos AS level, bursar.now() AS now FROM notices.watches
    WHERE organization_id = $1 AND subject = $2 FOR UPDATE`,
  values: [organizationId, subject],
});

export const keepWatch = (
  organizationId: string,
  subject: WatchSubject,
  watch: { readonly state: string; readonly episode: bigint; readonly level: bigint },
): Statement => ({
  text: `UPDATE notices.watches SET state = $3, episode = $4, level_nanos = $5,
      looked_at = bursar.real_now()
    WHERE organization_id = $1 AND subject = $2`,
  values: [organizationId, subject, watch.state, watch.episode, watch.level],
});

/** Organizations that have credit and were not looked at for so long, longest first. */
export const takeRunwaysDue = (hours: number, limit: number): Statement => ({
  text: `SELECT c.organization_id AS "organizationId" FROM notices.watches c
    LEFT JOIN notices.watches r ON r.organization_id = c.organization_id AND r.subject = 'runway'
    WHERE c.subject = 'credit' AND c.state IN ('fine', 'low')
      AND (r.looked_at IS NULL OR r.looked_at < bursar.real_now() - make_interval(hours => $1))
    ORDER BY r.looked_at NULLS FIRST, c.organization_id LIMIT $2`,
  values: [hours, limit],
});
