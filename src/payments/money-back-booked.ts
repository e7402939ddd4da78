import type { Db } from '#db/pool';
import { type NanoUsd, sum } from '#kernel/money';
import { disputesOf } from '#payments/disputes';
import { GIVEN_BACK_STATES } from '#payments/refund';
import { refundsOf } from '#payments/refunds';
import type { Purchase } from '#payments/sql';

/** What we have booked of the money that went back from one purchase. */
export interface BookedBack {
  /**
   * To compare with the processor's own sum: every refund that has not failed, tax included, whether
   * its credit was there, was spent, or was never part of the payment.
   */
  readonly refunded: NanoUsd;
  /** The processor's ids of its disputes, whatever became of them. */
  readonly disputes: ReadonlySet<string>;
}

export async function readBookedBack(
  db: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
): Promise<BookedBack> {
  const refunds = await refundsOf(db, purchase);
  const counted = refunds.filter(({ state }) => GIVEN_BACK_STATES.includes(state));
  const disputes = await disputesOf(db, purchase);
  return {
    refunded: sum(counted.flatMap(({ total, beyond }) => [total, beyond])),
    disputes: new Set(disputes.map(({ id }) => id)),
  };
}
