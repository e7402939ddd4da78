import type { Db } from '#db/pool';
import type { PaymentsDeps } from '#payments/deps';
import * as sql from '#payments/reconcile-sql';

/** What can disagree, with what an operator does about it. Persisted: never renamed. */
export const DIFFERENCES = {
  paid_not_credited: 'Money came in and is no credit: grant it or refund it.',
  credited_not_paid: 'There is credit, and the processor knows no such payment: void the grant.',
  amount_differs: 'The processor took another amount than was sold.',
  grant_differs: 'The ledger booked another amount than was sold.',
  grant_without_purchase: 'The ledger has a paid grant that no purchase explains.',
  refund_differs: 'The processor paid back another amount than we booked.',
  dispute_unknown: 'The processor has a dispute that we never read.',
} as const;

export type DifferenceKind = keyof typeof DIFFERENCES;

export interface Difference {
  readonly kind: DifferenceKind;
  /** The processor's id of what it is about; the grant's where the processor knows nothing. */
  readonly reference: string;
  readonly organizationId: string | null;
  readonly purchaseId: string | null;
  readonly detail: string;
  readonly happenedAt: Date;
}

type Here = Pick<PaymentsDeps, 'environment' | 'processor'>;

/**
 * Keeps what a run found, and ends what it looked for in vain. A run that began earlier ends nothing
 * that a later one saw, so of two at once none undoes the other.
 */
export async function keepDifferences(
  deps: Here & Pick<PaymentsDeps, 'pool'>,
  run: { readonly began: Date; readonly from: Date; readonly to: Date | undefined },
  found: readonly Difference[],
): Promise<void> {
  const { environment, processor } = deps;
  await deps.pool.transaction(async (tx) => {
    for (const one of found) {
      await tx.query(sql.keepDifference(environment, processor.name, one));
    }
    await tx.query(sql.endDifferences(environment, processor.name, run));
  });
}

/** Oldest first. Without a deployment: those of all that share this database. */
export const openDifferences = (db: Db, here?: Here): Promise<readonly Difference[]> =>
  db.query<Difference>(
    sql.listOpenDifferences(here?.environment ?? null, here?.processor.name ?? null),
  );
