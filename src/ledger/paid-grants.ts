import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import * as sql from '#ledger/paid-grants-sql';

/** What the books say of one payment, for a comparison with what whoever took it says. */
export interface PaidGrant {
  readonly organizationId: OrganizationId;
  readonly grantId: GrantId;
  /** The payment. */
  readonly source: string;
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly grantedAt: Date;
}

/** The grants that these payments made; a payment without one is left out. */
export function readPaidGrants(
  db: Db,
  payments: readonly { readonly organizationId: string; readonly source: string }[],
): Promise<readonly PaidGrant[]> {
  const organizations = payments.map(({ organizationId }) => organizationId);
  return db.query<PaidGrant>(
    sql.paidGrantsOf(
      organizations,
      payments.map(({ source }) => source),
    ),
  );
}

const PAGE = 1_000;

/** Every grant somebody paid for in a period of real time, in pages. `to` null: up to now. */
export async function* paidGrantsBetween(
  db: Db,
  from: Date,
  to: Date | null,
): AsyncGenerator<readonly PaidGrant[]> {
  let after: [string, string] = ['', ''];
  for (;;) {
    const page = await db.query<PaidGrant>(sql.paidGrantsBetween(from, to, after, PAGE));
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = [last.organizationId, last.grantId];
  }
}
