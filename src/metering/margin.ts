import type { Db } from '#db/pool';
import * as sql from '#metering/sql';

/** What the requests of one model brought and cost. Sums in nano-USD, beyond 64 bits if need be. */
export interface Margin {
  readonly model: string;
  readonly requests: bigint;
  /** Before discounts. */
  readonly list: bigint;
  /** What customers paid. */
  readonly charged: bigint;
  /** What the operator carried of charges above what there was (S13); in no other figure. */
  readonly overrun: bigint;
  /** Used upstream and charged to nobody (S7, S8), at the price customers would have paid. */
  readonly loss: bigint;
  /** By the upstream's rates in the price book of each request; of lost ones too. */
  readonly upstream: bigint;
  /** The book had no upstream rates for these: they are in no sum, so that no margin looks whole. */
  readonly requestsWithoutCost: bigint;
}

/** Requests settled from `from` until before `until`, by model; of all organizations or of one. */
export async function readMargins(
  db: Db,
  span: { readonly from: Date; readonly until: Date; readonly org?: string | undefined },
): Promise<Margin[]> {
  const rows = await db.query<sql.MarginRow>(sql.margins(span.from, span.until, span.org ?? null));
  return rows.map((row) => ({
    model: row.model,
    requests: row.requests,
    list: BigInt(row.list),
    charged: BigInt(row.charged),
    overrun: BigInt(row.overrun),
    loss: BigInt(row.loss),
    upstream: BigInt(row.upstream),
    requestsWithoutCost: row.without_cost,
  }));
}
