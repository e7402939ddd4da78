import type { Db } from '#db/pool';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import { type MixRow, mix } from '#metering/mix-sql';

/** What an organization used lately, and what it paid for it. */
export interface Mix {
  readonly charged: NanoUsd;
  readonly requests: bigint;
  /** From the first request of that time until now, a day at least. */
  readonly seconds: bigint;
  readonly models: readonly {
    readonly model: string;
    readonly requests: bigint;
    readonly charged: NanoUsd;
  }[];
}

export const MIX_DAYS = 30;
const DAY_MS = 86_400_000;

/** The mix of the last 30 days; of less, where an organization is younger than that. */
export async function readMix(db: Db, organizationId: string): Promise<Mix> {
  const rows = await db.query<MixRow>(mix(organizationId, MIX_DAYS));
  const models = rows.map(({ model, requests, charged }) => ({
    model,
    requests,
    charged: nanos(BigInt(charged)),
  }));
  const spans = rows.map(({ first, now }) => now.getTime() - first.getTime());
  const longest = Math.max(DAY_MS, ...spans);
  return {
    models,
    charged: models.reduce((sum, { charged }) => nanos(sum + charged), ZERO),
    requests: models.reduce((sum, { requests }) => sum + requests, 0n),
    seconds: BigInt(Math.floor(longest / 1000)),
  };
}
