import type { Pool } from '#db/pool';
import * as sql from './verify-fill-sql.ts';

const SMALL = ['ledger.grants', 'ledger.books', 'ledger.refunds', 'ledger.freezes'];

interface Index {
  readonly drop: string;
  readonly make: string;
}

/**
 * A consistent ledger of about `entries` entries, as years of traffic would leave it; see
 * `verify-fill-sql.ts`. As the owner, with as many connections as the pool has. Large tables are
 * loaded without write-ahead log and without indexes, which are made afterwards as they were, and
 * vacuumed: it is read as it would be later, with statistics, and no row is looked up as undecided.
 */
export async function fillLedger(owner: Pool, entries: number): Promise<void> {
  const run = (text: string): Promise<void> =>
    owner.transaction(async (tx) => {
      await tx.query(sql.generously);
      await tx.query({ text });
    });
  const load = async (table: string, rows: string): Promise<void> => {
    const indexes = await owner.query<Index>(sql.indexesOf(table));
    for (const { drop } of indexes) await run(drop);
    await run(sql.unlogged(table));
    await run(rows);
    for (const { make } of indexes) await run(make);
    await owner.query({ text: `VACUUM (ANALYZE) ${table}` });
  };
  for (const text of sql.groundwork(entries)) await run(text);
  await run('ALTER TABLE ledger.entries DISABLE TRIGGER USER');
  await Promise.all(Object.entries(sql.LARGE).map(([table, rows]) => load(table, rows)));
  await run('ALTER TABLE ledger.entries ENABLE TRIGGER USER');
  await run(sql.cleared);
  for (const table of SMALL) await owner.query({ text: `VACUUM (ANALYZE) ${table}` });
}
