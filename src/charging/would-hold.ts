import type { HoldCommand, HoldOutcome } from '#charging/commands';
import { holdOutcome } from '#charging/outcomes';
import * as sql from '#charging/sql';
import type { Pool } from '#db/pool';
import { assert } from '#kernel/assert';

/** Longer than a plan takes, and nothing that anybody could see: it is taken back at once. */
const LEASE_MS = 1_000;

/**
 * What a hold would be answered now. The very statement that takes holds is asked, and undone, so a
 * quote and the request after it are decided by the same rules. Nothing is left of it.
 */
export async function wouldHold(pool: Pool, command: HoldCommand): Promise<HoldOutcome> {
  const { organizationId, requestId, apiKeyId, amount } = command;
  const [row] = await pool.transaction(async (tx) => {
    await tx.query(sql.mark);
    const ids = [requestId];
    const [orgs, keys] = [[organizationId], [apiKeyId]];
    const asked = sql.placeBatch(orgs, [1], ['place'], ids, keys, [amount], LEASE_MS);
    const rows = await tx.query<sql.PlacedRow>(asked);
    await tx.query(sql.backToMark);
    return rows;
  });
  assert(row !== undefined, 'a hold that was asked for has an answer');
  return holdOutcome(command, row);
}
