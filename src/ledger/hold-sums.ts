import type { Db } from '#db/pool';
import type { OrganizationId, RequestId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { type HoldSumsRow, sumsOfHolds } from './hold-sums-sql.ts';

/** What requests hold now, and what was charged for those that have ended. */
export interface HoldSums {
  readonly held: NanoUsd;
  readonly charged: NanoUsd;
}

const READ_AT_ONCE = 5_000;

/** Of any number of requests; those without a hold add nothing. */
export async function sumHolds(
  db: Db,
  organizationId: OrganizationId,
  ids: readonly RequestId[],
): Promise<HoldSums> {
  let held = 0n;
  let charged = 0n;
  for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
    const part = ids.slice(from, from + READ_AT_ONCE);
    const [row] = await db.query<HoldSumsRow>(sumsOfHolds(organizationId, part));
    held += row?.held ?? 0n;
    charged += row?.charged ?? 0n;
  }
  return { held: nanos(held), charged: nanos(charged) };
}
