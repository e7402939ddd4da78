import type { Statement } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { GrantKind } from '#ledger/grants';
import type { Line } from '#ledger/templates';

/** The row of a statement that always answers one. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined || rows.length !== 1) throw new Fault(`expected one row: ${rows.length}`);
  return row;
}

/** Makes the organization's book if it has none. */
export const openBook = (organizationId: OrganizationId): Statement => ({
  text: `INSERT INTO ledger.books (organization_id) VALUES ($1)
         ON CONFLICT (organization_id) DO NOTHING`,
  values: [organizationId],
});

/** Takes the lock of the organization's money, before anything of it is read. */
export const lockBook = (organizationId: OrganizationId): Statement => ({
  text: 'SELECT FROM ledger.books WHERE organization_id = $1 FOR UPDATE',
  values: [organizationId],
});

/** Writes the lines of one transaction through the one function that writes entries. */
export const postLines = (
  organizationId: OrganizationId,
  reference: string,
  lines: readonly Line[],
  happenedAt: Date,
): Statement => ({
  text: 'SELECT ledger.post($1, $2, $3, $4, $5, $6, $7, bursar.now()) AS post',
  values: [
    organizationId,
    reference,
    lines.map((l) => l.reason),
    lines.map((l) => l.from),
    lines.map((l) => l.to),
    lines.map((l) => l.amount),
    happenedAt,
  ],
});

/** The first that is true: a grant that was voided, then expired, is voided. */
export type GrantState = 'voided' | 'frozen' | 'expired' | 'exhausted' | 'active';

export interface BalanceRow {
  readonly available_nanos: bigint;
  readonly held_nanos: bigint;
  readonly frozen_nanos: bigint;
  readonly debt_nanos: bigint;
  readonly grant_id: GrantId | null;
  readonly kind: GrantKind;
  readonly state: GrantState;
  readonly amount_nanos: bigint;
  readonly remaining_nanos: bigint;
  readonly granted_at: Date;
  readonly expires_at: Date;
}

/**
 * Position and grants at one instant. Holds whose lease has passed are not counted (H4). A grant
 * that ended with a part unspent is expired, before the job has booked that part and after.
 */
export const balance = (organizationId: OrganizationId): Statement => ({
  name: 'ledger.balance',
  text: `WITH instant AS MATERIALIZED (SELECT bursar.now() AS at, bursar.real_now() AS real),
         book AS MATERIALIZED (
           SELECT b.*, b.held_nanos - (
             SELECT coalesce(sum(h.amount_nanos), 0) FROM ledger.holds h, instant
              WHERE h.organization_id = $1 AND h.state = 'open'
                AND h.lease_expires_at <= instant.real)::bigint AS holding
             FROM ledger.books b WHERE b.organization_id = $1)
         SELECT ledger.available($1, book.holding, instant.at, instant.real) AS available_nanos,
                book.holding AS held_nanos, book.dispute_frozen_nanos AS frozen_nanos,
                -book.customer_debt_nanos AS debt_nanos,
                g.id AS grant_id, g.kind, g.amount_nanos, g.remaining_nanos,
                g.granted_at, g.expires_at,
                CASE WHEN g.voided_at IS NOT NULL THEN 'voided'
                     WHEN EXISTS (SELECT FROM ledger.freezes f
                        WHERE f.organization_id = g.organization_id AND f.grant_id = g.id
                          AND f.state = 'frozen') THEN 'frozen'
                     WHEN g.expires_at <= instant.at AND (NOT g.exhausted OR EXISTS (
                       SELECT FROM ledger.entries x
                        WHERE x.organization_id = g.organization_id
                          AND x.reference = 'expiry:' || g.id AND x.reason = 'credit.expire'))
                       THEN 'expired'
                     WHEN g.exhausted THEN 'exhausted' ELSE 'active' END AS state
           FROM instant CROSS JOIN book
           LEFT JOIN ledger.grants g ON g.organization_id = $1`,
  values: [organizationId],
});

export interface PastEndRow {
  readonly id: GrantId;
  /** What ended the grant by then, whatever was left of it; NULL if nothing did. */
  readonly ended: 'voided' | 'frozen' | 'expired' | null;
}

/** By the same rule as `balance`, at an instant; `time` is the column of entries that counts. */
export const endedBy = (
  organizationId: OrganizationId,
  at: Date | string,
  time: string,
): Statement => ({
  text: `SELECT g.id, CASE
                  WHEN g.voided_at <= $2::timestamptz THEN 'voided'
                  WHEN EXISTS (SELECT FROM ledger.freezes f
                     WHERE f.organization_id = g.organization_id AND f.grant_id = g.id
                       AND f.frozen_at <= $2::timestamptz
                       AND (f.ended_at IS NULL OR f.ended_at > $2::timestamptz)) THEN 'frozen'
                  WHEN g.expires_at <= $2::timestamptz AND EXISTS (SELECT FROM ledger.entries x
                     WHERE x.organization_id = g.organization_id
                       AND x.reference = 'expiry:' || g.id AND x.reason = 'credit.expire'
                       AND x.${time} <= $2::timestamptz) THEN 'expired' END AS ended
           FROM ledger.grants g WHERE g.organization_id = $1`,
  values: [organizationId, at],
});

export interface HoldRow {
  readonly amount_nanos: bigint;
  readonly state: string;
  readonly grant_id: string | null;
  readonly taken_nanos: bigint | null;
}

/** One hold, with what each grant paid of it. */
export const holdWithGrants = (organizationId: OrganizationId, id: string): Statement => ({
  text: `SELECT h.amount_nanos, h.state, substr(e.from_account, 7) AS grant_id,
                e.amount_nanos AS taken_nanos
           FROM ledger.holds h
           LEFT JOIN ledger.entries e ON e.organization_id = h.organization_id
            AND e.transaction_no = h.transaction_no AND e.reason = 'usage.settle'
          WHERE h.organization_id = $1 AND h.id = $2
          ORDER BY e.transaction_no, e.line`,
  values: [organizationId, id],
});
