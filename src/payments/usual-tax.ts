import type { Db } from '#db/pool';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#payments/usual-tax-sql';

/** The tax of the newest purchase that was paid: what the next one will be taxed like, most likely. */
export async function readUsualTax(
  db: Db,
  organizationId: string,
): Promise<{ readonly tax: NanoUsd; readonly credit: NanoUsd } | null> {
  const [row] = await db.query<sql.TaxRow>(sql.lastTax(organizationId));
  return row === undefined ? null : { tax: nanos(row.tax), credit: nanos(row.credit) };
}
