import type { Pool, Statement } from '#db/pool';

const UNDO = new Error('undone');

/** For a transaction that gets its turns by the seed, however long they take on a busy machine. */
export const neverIdle: Statement = {
  text: 'SET LOCAL idle_in_transaction_session_timeout = 0',
};

/** Lets PostgreSQL do all the work of a statement, and then none of it. */
export async function undo(pool: Pool, statement: Statement): Promise<void> {
  const work = pool.transaction(async (tx) => {
    await tx.query(statement);
    throw UNDO;
  });
  await work.catch((error: unknown) => {
    if (error !== UNDO && !(error instanceof Error && 'code' in error)) throw error;
  });
}

/** How many sessions wait for a lock now. */
export async function sessionsWaiting(pool: Pool): Promise<number> {
  const [row] = await pool.query<{ waiting: number }>({
    name: 'simulation.waiting',
    text: `SELECT count(*)::int AS waiting FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  });
  return row?.waiting ?? 0;
}

/** Which of these holds PostgreSQL has booked as lapsed. */
export async function bookedAsLapsed(
  pool: Pool,
  organization: string,
  holds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await pool.query<{ id: string }>({
    name: 'simulation.expired',
    text: `SELECT id FROM ledger.holds
            WHERE organization_id = $1 AND id = ANY ($2) AND state = 'expired'`,
    values: [organization, holds],
  });
  return new Set(rows.map(({ id }) => id));
}
