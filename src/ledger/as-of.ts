import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import * as sql from '#ledger/as-of-sql';
import type { Balance, GrantView } from '#ledger/balance';
import { byBurnDown } from '#ledger/grants';
import { endedBy, type GrantState, type PastEndRow } from '#ledger/sql';

const amountOf = (text: string): NanoUsd => nanos(BigInt(text));

/**
 * What `readBalance` answered, or would have, at an instant of the past: of everything at or before
 * it. `recorded`: by what the ledger knew then. `effective`: by what it knows now had happened by
 * then; a payment booked late counts from when the money arrived.
 *
 * `at` may be text with microseconds, as the database writes it; a Date has milliseconds. Reads the
 * entries since the last seal before `at`; nothing from the future of `at` changes the answer,
 * except that a dispute's freeze is taken to have lasted until the dispute ended.
 */
export async function readBalanceAsOf(
  db: Db,
  organizationId: OrganizationId,
  at: Date | string,
  by: sql.TimeBasis,
): Promise<Balance> {
  const rows = await db.query<sql.PastRow>(sql.balanceAsOf(organizationId, at, by));
  const ends = await db.query<PastEndRow>(endedBy(organizationId, at, sql.timeColumn(by)));
  const ended = new Map(ends.map((row) => [row.id, row.ended]));
  const [first] = rows;
  const held = first === undefined ? ZERO : amountOf(first.held_nanos);
  return {
    available: availableOf(rows, held),
    held,
    frozen: first === undefined ? ZERO : amountOf(first.frozen_nanos),
    debt: first === undefined ? ZERO : amountOf(first.debt_nanos),
    grants: rows.flatMap((row) => grantView(row, ended)).sort(byBurnDown),
  };
}

/** The rule of `ledger.available`: stopped grants, in the order given, cover what they promised. */
function availableOf(rows: readonly sql.PastRow[], held: NanoUsd): NanoUsd {
  let live = 0n;
  let covered = 0n;
  for (const row of rows) {
    if (row.id === null) continue;
    const remaining = amountOf(row.remaining_nanos);
    if (row.early_nanos === null) {
      live += remaining;
      continue;
    }
    const needed = amountOf(row.early_nanos) - covered;
    if (needed > 0n) covered += least(remaining, nanos(needed));
  }
  return nanos(live - held + covered);
}

function grantView(
  row: sql.PastRow,
  ended: ReadonlyMap<GrantId, PastEndRow['ended']>,
): GrantView[] {
  if (row.id === null) return [];
  const remaining = amountOf(row.remaining_nanos);
  const left: GrantState = remaining === 0n ? 'exhausted' : row.expired ? 'expired' : 'active';
  return [
    {
      id: row.id,
      kind: row.kind,
      state: ended.get(row.id) ?? left,
      amount: nanos(row.amount_nanos),
      remaining,
      grantedAt: row.granted_at,
      expiresAt: row.expires_at,
    },
  ];
}
