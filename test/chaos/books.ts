import type { Db, Statement } from '#db/pool';

/** A request as the ledger has it: its hold, and what its entries say. */
export interface BookedRequest {
  readonly organization_id: string;
  readonly id: string;
  /** Null if there is no hold of this name. */
  readonly state: string | null;
  readonly charged_nanos: bigint | null;
  readonly settled: bigint;
  readonly overrun: bigint;
  readonly loss: bigint;
  /** Ledger transactions that name it: more than one is a double charge. */
  readonly transactions: bigint;
}

export interface BookedGrant {
  readonly organization_id: string;
  readonly id: string;
  readonly source: string;
  readonly amount_nanos: bigint;
  readonly booked: bigint;
  readonly bookings: bigint;
}

export interface LowPoint {
  readonly organization_id: string;
  readonly transaction_no: bigint;
  readonly given: bigint;
  readonly settled: bigint;
}

export interface Held {
  readonly organization_id: string;
  readonly held_nanos: bigint;
  readonly open_holds: bigint;
}

/** What the database says of some organizations, in one snapshot. */
export interface Books {
  readonly requests: readonly BookedRequest[];
  readonly grants: readonly BookedGrant[];
  /** Points of the ledger's sequence at which more was settled than given. */
  readonly overspent: readonly LowPoint[];
  readonly held: readonly Held[];
}

const requests = (orgs: readonly string[]): Statement => ({
  text: `
    SELECT coalesce(h.organization_id, e.organization_id) AS organization_id,
           coalesce(h.id, e.reference) AS id, h.state, h.charged_nanos,
           coalesce(e.settled, 0)::bigint AS settled, coalesce(e.overrun, 0)::bigint AS overrun,
           coalesce(e.loss, 0)::bigint AS loss, coalesce(e.transactions, 0) AS transactions
      FROM (SELECT * FROM ledger.holds WHERE organization_id = ANY ($1)) AS h
      FULL JOIN (
        SELECT organization_id, reference,
               sum(amount_nanos) FILTER (WHERE reason = 'usage.settle') AS settled,
               sum(amount_nanos) FILTER (WHERE reason = 'usage.overrun') AS overrun,
               sum(amount_nanos) FILTER (WHERE reason = 'upstream.loss') AS loss,
               count(DISTINCT transaction_no) AS transactions
          FROM ledger.entries
         WHERE organization_id = ANY ($1) AND (reason LIKE 'usage.%' OR reason LIKE 'upstream.%')
         GROUP BY 1, 2) AS e ON e.organization_id = h.organization_id AND e.reference = h.id`,
  values: [orgs],
});

const grants = (orgs: readonly string[]): Statement => ({
  text: `
    SELECT g.organization_id, g.id, g.source, g.amount_nanos,
           coalesce(sum(e.amount_nanos), 0)::bigint AS booked, count(e.*) AS bookings
      FROM ledger.grants g
      LEFT JOIN ledger.entries e ON e.organization_id = g.organization_id
       AND e.to_account = 'grant:' || g.id AND e.reason LIKE 'credit.%'
     WHERE g.organization_id = ANY ($1)
     GROUP BY g.organization_id, g.id, g.source, g.amount_nanos`,
  values: [orgs],
});

const overspent = (orgs: readonly string[]): Statement => ({
  text: `
    SELECT * FROM (
      SELECT organization_id, transaction_no,
             sum(coalesce(sum(amount_nanos) FILTER (WHERE to_account LIKE 'grant:%'), 0))
               OVER sequence::bigint AS given,
             sum(coalesce(sum(amount_nanos) FILTER (WHERE reason = 'usage.settle'), 0))
               OVER sequence::bigint AS settled
        FROM ledger.entries WHERE organization_id = ANY ($1)
       GROUP BY organization_id, transaction_no
      WINDOW sequence AS (PARTITION BY organization_id ORDER BY transaction_no)) AS points
     WHERE settled > given ORDER BY organization_id, transaction_no LIMIT 20`,
  values: [orgs],
});

const held = (orgs: readonly string[]): Statement => ({
  text: `
    SELECT b.organization_id, b.held_nanos,
           (SELECT count(*) FROM ledger.holds h
             WHERE h.organization_id = b.organization_id AND h.state = 'open') AS open_holds
      FROM ledger.books b WHERE b.organization_id = ANY ($1)`,
  values: [orgs],
});

export async function readBooks(db: Db, orgs: readonly string[]): Promise<Books> {
  return {
    requests: await db.query<BookedRequest>(requests(orgs)),
    grants: await db.query<BookedGrant>(grants(orgs)),
    overspent: await db.query<LowPoint>(overspent(orgs)),
    held: await db.query<Held>(held(orgs)),
  };
}

export const readHeld = (db: Db, orgs: readonly string[]): Promise<Held[]> =>
  db.query<Held>(held(orgs));
