import type { Movement, MovementKind, ProcessorBooks } from '#payments/books';
import type { PaymentsDeps } from '#payments/deps';
import type { Difference } from '#payments/differences';
import { type BookedBack, readBookedBack } from '#payments/money-back-booked';
import { compareRefunds, disputeUnknown } from '#payments/reconcile-compare';
import * as sql from '#payments/reconcile-sql';

/** What went back, by payment. */
export type MoneyBack = Map<string, readonly Movement[]>;

interface Case {
  readonly books: ProcessorBooks;
  readonly payment: string;
  /** Of one kind, in no order; at least one. */
  readonly movements: readonly [Movement, ...Movement[]];
  readonly purchase: sql.Sold;
  readonly booked: BookedBack;
}

/** Undefined: the processor did not answer. */
type Check = (one: Case) => Promise<readonly Difference[] | undefined>;

/**
 * Refunds are compared as one total per payment: we name a refund before the processor has given it
 * an id, and a failed one takes its amount back on both sides.
 */
async function refunds(one: Case): Promise<readonly Difference[] | undefined> {
  const answer = await one.books.readCharge(one.payment);
  if (answer.outcome === 'unavailable') return undefined;
  if (answer.outcome === 'missing') return [];
  const { refundedMinorUnits: minorUnits, currency } = answer.charge;
  const { refunded } = one.booked;
  return compareRefunds({ minorUnits, currency }, one.purchase, refunded, one.movements[0].at);
}

/** A dispute is known once we have read it, however it ended. */
async function disputes(one: Case): Promise<readonly Difference[]> {
  const unknown = new Map(
    one.movements
      .filter(({ sourceId }) => !one.booked.disputes.has(sourceId))
      .map((movement) => [movement.sourceId, movement]),
  );
  return [...unknown.values()].map((movement) => disputeUnknown(movement, one.purchase));
}

/** How each kind of money that went back is looked for in the books. */
export const MONEY_BACK: Readonly<
  Record<Exclude<MovementKind, 'charge' | 'other'>, { readonly as: string; readonly check: Check }>
> = {
  refund: { as: 'refund', check: refunds },
  refund_returned: { as: 'refund', check: refunds },
  dispute: { as: 'dispute', check: disputes },
};

/** Payments that are not ours, or were set aside for an operator, are left alone. */
export async function compareMoneyBack(
  deps: Pick<PaymentsDeps, 'pool'> & { readonly books: ProcessorBooks },
  back: MoneyBack,
): Promise<readonly Difference[] | undefined> {
  const rows = await deps.pool.query<sql.Sold>(sql.soldBy([...back.keys()]));
  const found: Difference[] = [];
  for (const purchase of rows.filter(({ state }) => state === 'credited')) {
    const payment = purchase.paymentIntentId ?? '';
    const booked = await readBookedBack(deps.pool, purchase);
    for (const { check, movements } of kindsOf(back.get(payment) ?? [])) {
      const differences = await check({ books: deps.books, payment, movements, purchase, booked });
      if (differences === undefined) return undefined;
      found.push(...differences);
    }
  }
  return found;
}

/** Each check once, with all it is about. */
function kindsOf(movements: readonly Movement[]) {
  const kinds = new Map<string, { check: Check; movements: [Movement, ...Movement[]] }>();
  for (const movement of movements) {
    if (movement.kind === 'charge' || movement.kind === 'other') continue;
    const { as, check } = MONEY_BACK[movement.kind];
    const group = kinds.get(as);
    if (group === undefined) kinds.set(as, { check, movements: [movement] });
    else group.movements.push(movement);
  }
  return kinds.values();
}
