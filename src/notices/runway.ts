import { assert } from '#kernel/assert';
import type { OrganizationId } from '#kernel/ids';
import { formatUsd, nanos } from '#kernel/money';
import { readBandCredit } from '#ledger/band';
import type { NoticesDeps } from '#notices/deps';
import { readSettings } from '#notices/settings';
import { teller } from '#notices/tell';
import { keepWatch, lockWatch, openWatch, takeRunwaysDue, type WatchRow } from './watch-sql.ts';

/** A forecast changes slowly; it is made this often for each organization. */
const EVERY_HOURS = 1;
const AT_ONCE = 50;

/** Whether it counts as short: it does again only after it was a quarter longer. Pure. */
export function runwayState(
  before: 'long' | 'short',
  daysLeft: number | null,
  mark: number | null,
): 'long' | 'short' {
  if (mark === null || daysLeft === null) return 'long';
  if (daysLeft < mark) return 'short';
  return before === 'short' && daysLeft < mark * 1.25 ? 'short' : 'long';
}

/** Meant for every minute: whose credits will be used up in fewer days than they want to know of. */
export async function tellShortRunways(deps: NoticesDeps): Promise<void> {
  const { runway, pool } = deps;
  if (runway === undefined) return;
  const due = await pool.query<{ organizationId: OrganizationId }>(
    takeRunwaysDue(EVERY_HOURS, AT_ONCE),
  );
  for (const { organizationId } of due) {
    const found = await runway(pool, organizationId);
    await lookAtRunway(deps, organizationId, found);
  }
}

async function lookAtRunway(
  deps: NoticesDeps,
  organizationId: OrganizationId,
  daysLeft: number | null,
): Promise<void> {
  const tell = teller(deps.entropy);
  await deps.pool.transaction(async (tx) => {
    await tx.query(openWatch(organizationId, 'runway', 'long'));
    const [watch] = await tx.query<WatchRow>(lockWatch(organizationId, 'runway'));
    assert(watch !== undefined, 'a watch is opened before it is locked');
    const { runwayDays } = await readSettings(tx, organizationId);
    const before = watch.state === 'short' ? 'short' : 'long';
    const state = runwayState(before, daysLeft, runwayDays);
    const told = state === 'short' && before === 'long';
    const episode = told ? watch.episode + 1n : watch.episode;
    if (told) {
      await tell(tx, {
        organizationId,
        kind: 'runway_short',
        key: `episode:${episode}`,
        facts: {
          balance_usd: formatUsd(nanos(await readBandCredit(tx, organizationId))),
          days_left: daysLeft,
          days_mark: runwayDays,
        },
      });
    }
    await tx.query(keepWatch(organizationId, 'runway', { state, episode, level: 0n }));
  });
}
