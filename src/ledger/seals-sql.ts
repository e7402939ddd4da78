import type { Statement } from '#db/pool';

/** Organizations with transactions after their last seal, after one in id order. */
export const unsealed = (after: string, limit: number): Statement => ({
  text: `SELECT b.organization_id FROM ledger.books b
          WHERE b.organization_id > $1 AND b.next_transaction - 1 > coalesce((
            SELECT max(s.to_transaction) FROM ledger.seals s
             WHERE s.organization_id = b.organization_id), 0)
          ORDER BY b.organization_id LIMIT $2`,
  values: [after, limit],
});

export const sealBlock = (organizationId: string, transactions: number): Statement => ({
  name: 'ledger.seal_block',
  text: 'SELECT ledger.seal_block($1, $2) AS sealed',
  values: [organizationId, transactions],
});

/** One snapshot that may also write: what is sealed is what was verified. */
export const oneWritableSnapshot: Statement = {
  text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
};

export interface VerificationRow {
  /** Text, to the microsecond. */
  readonly beganAt: string;
  readonly mode: 'incremental' | 'full';
  readonly ok: boolean;
  readonly entries: bigint;
  readonly failed: readonly string[];
}

export const recordVerification = (row: VerificationRow): Statement => ({
  text: `INSERT INTO ledger.verifications (began_at, at, mode, ok, entries, failed)
         VALUES ($1, bursar.now(), $2, $3, $4, $5)`,
  values: [row.beganAt, row.mode, row.ok, row.entries, row.failed],
});

export const lastVerifications: Statement = {
  text: `SELECT at, mode, ok, entries, failed
           FROM (SELECT DISTINCT ON (mode) * FROM ledger.verifications
                  ORDER BY mode, id DESC) AS v
          ORDER BY id DESC`,
};

/** The first transaction of an organization is its oldest entry, and found by key. */
export const verificationOverdue = (days: number): Statement => ({
  text: `WITH since AS (SELECT bursar.now() - make_interval(days => $1) AS at)
         SELECT NOT EXISTS (SELECT FROM ledger.verifications v WHERE v.at >= since.at)
            AND EXISTS (SELECT FROM ledger.books b
                          JOIN ledger.entries e ON e.organization_id = b.organization_id
                           AND e.transaction_no = 1 AND e.line = 1
                         WHERE e.recorded_at < since.at) AS overdue
           FROM since`,
  values: [days],
});

/** Takes the night that has begun, unless it is done or a living process has it. */
export const takeNight = (beginsAt: string, leaseSeconds: number): Statement => ({
  text: `INSERT INTO ledger.nights AS n (night, leased_until)
         VALUES ((bursar.now() AT TIME ZONE 'UTC' - $1::interval)::date,
                 bursar.real_now() + make_interval(secs => $2))
         ON CONFLICT (night) DO UPDATE SET leased_until = excluded.leased_until
          WHERE n.done_at IS NULL AND n.leased_until < bursar.real_now()
         RETURNING night::text, extract(isodow FROM night)::int AS weekday`,
  values: [beginsAt, leaseSeconds],
});

export const keepNight = (night: string, leaseSeconds: number): Statement => ({
  text: `UPDATE ledger.nights SET leased_until = bursar.real_now() + make_interval(secs => $2)
          WHERE night = $1::date AND done_at IS NULL`,
  values: [night, leaseSeconds],
});

export const endNight = (night: string): Statement => ({
  text: 'UPDATE ledger.nights SET done_at = bursar.now() WHERE night = $1::date',
  values: [night],
});
