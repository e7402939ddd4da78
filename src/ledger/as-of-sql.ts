import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { GrantKind } from '#ledger/grants';

/** Which of an entry's two times counts: when it took effect, or when it was written down. */
export type TimeBasis = 'effective' | 'recorded';

export const timeColumn = (by: TimeBasis): string =>
  by === 'effective' ? 'happened_at' : 'recorded_at';

export interface PastRow {
  readonly held_nanos: string;
  readonly frozen_nanos: string;
  readonly debt_nanos: string;
  readonly id: GrantId | null;
  readonly kind: GrantKind;
  readonly amount_nanos: bigint;
  readonly remaining_nanos: string;
  readonly granted_at: Date;
  readonly expires_at: Date;
  readonly expired: boolean;
  /** Set if the grant had stopped by then: what holds placed before had been promised. */
  readonly early_nanos: string | null;
}

/**
 * OFFSET 0 and an upper bound that is not known when planning: one range of the primary key,
 * whatever the statistics say about the whole table.
 */
const SINCE_SEAL = `base, LATERAL (
          SELECT * FROM ledger.entries WHERE organization_id = $1
             AND transaction_no > base.upto AND transaction_no <= base.most OFFSET 0)`;

/**
 * Balances at an instant: those of the last seal made a day before it or earlier (whatever it
 * sealed had happened by then, clocks of others being at most a little off), and the entries
 * since. A hold counts until it was resolved or its lease passed, whichever was first (H4). By
 * effective time it also ends when its settlement took effect, which may have been booked later.
 */
export const balanceAsOf = (
  organizationId: OrganizationId,
  at: string | Date,
  by: TimeBasis,
): Statement => ({
  text: `
    WITH instant AS MATERIALIZED (
      SELECT $2::timestamptz AS at, clock_offset FROM bursar.deployment),
    base AS MATERIALIZED (
      SELECT coalesce(s.to_transaction, 0) AS upto, 9223372036854775807 AS most, coalesce(s.balances, '{}') AS balances
        FROM instant LEFT JOIN LATERAL (
          SELECT to_transaction, balances FROM ledger.seals
           WHERE organization_id = $1 AND sealed_at <= instant.at - interval '1 day'
           ORDER BY to_transaction DESC LIMIT 1) AS s ON true),
    replay AS MATERIALIZED (
      SELECT account, sum(delta) AS balance FROM (
        SELECT b.key AS account, b.value::numeric AS delta
          FROM base, LATERAL jsonb_each_text(base.balances) AS b
        UNION ALL
        SELECT m.account, m.delta FROM instant, ${SINCE_SEAL} AS l, LATERAL (VALUES
            (l.from_account, -l.amount_nanos), (l.to_account, l.amount_nanos)
          ) AS m (account, delta)
         WHERE l.${timeColumn(by)} <= instant.at) AS d
       GROUP BY account),
    later AS MATERIALIZED (
      SELECT l.to_account AS account FROM instant, ${SINCE_SEAL} AS l
       WHERE l.${timeColumn(by)} > instant.at
         AND l.reason IN ('credit.purchase', 'credit.promotional', 'credit.adjustment')),
    holding AS MATERIALIZED (
      SELECT h.id, h.placed_at, h.amount_nanos - coalesce((
               SELECT sum(x.added_nanos) FROM ledger.hold_extensions x
                WHERE x.organization_id = $1 AND x.hold_id = h.id
                  AND x.extended_at > instant.at), 0) AS amount
        FROM ledger.holds h, instant
       WHERE h.organization_id = $1 AND h.placed_at <= instant.at
         AND least(h.resolved_at, h.lease_expires_at + instant.clock_offset) > instant.at
         ${by === 'recorded' ? '' : SETTLED_BY_THEN}),
    had AS (
      SELECT g.*, least(g.expires_at, g.voided_at,
               CASE WHEN g.stopped_at <= instant.at THEN g.stopped_at END,
               (SELECT min(f.frozen_at) FROM ledger.freezes f
                 WHERE f.organization_id = $1 AND f.grant_id = g.id
                   AND f.frozen_at <= instant.at
                   AND coalesce(f.ended_at > instant.at, true))) AS usable,
             coalesce(r.balance, 0) AS remaining
        FROM instant, ledger.grants g
        LEFT JOIN replay r ON r.account = 'grant:' || g.id
       WHERE g.organization_id = $1
         AND NOT EXISTS (SELECT FROM later WHERE later.account = 'grant:' || g.id))
    SELECT coalesce((SELECT sum(amount) FROM holding), 0)::text AS held_nanos,
           coalesce((SELECT balance FROM replay WHERE account = 'dispute_frozen'), 0)::text
             AS frozen_nanos,
           (-coalesce((SELECT balance FROM replay WHERE account = 'customer_debt'), 0))::text
             AS debt_nanos,
           g.id, g.kind, g.amount_nanos, g.remaining::text AS remaining_nanos, g.granted_at,
           g.expires_at, g.expires_at <= instant.at AS expired,
           CASE WHEN g.usable <= instant.at THEN (
             SELECT coalesce(sum(h.amount - coalesce((
                      SELECT sum(x.added_nanos) FROM ledger.hold_extensions x
                       WHERE x.organization_id = $1 AND x.hold_id = h.id
                         AND x.extended_at >= g.usable AND x.extended_at <= instant.at), 0)), 0)
               FROM holding h WHERE h.placed_at < g.usable)::text END AS early_nanos
      FROM instant LEFT JOIN had g ON true
     ORDER BY g.usable, g.expires_at, g.paid, g.granted_at, g.id`,
  values: [organizationId, at],
});

/**
 * By the number that the hold remembers: no index has the references of requests. OFFSET 0: once for
 * each hold that was open then, and not as a join with all entries.
 */
const SETTLED_BY_THEN = `AND NOT EXISTS (
           SELECT FROM ledger.entries e
            WHERE e.organization_id = $1 AND e.transaction_no = h.transaction_no
              AND e.reference = h.id
              AND e.reason IN ('usage.settle', 'usage.overrun', 'upstream.loss')
              AND e.happened_at <= instant.at OFFSET 0)`;
