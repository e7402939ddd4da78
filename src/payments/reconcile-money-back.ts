import { type PaidGrant, readPaidGrants } from '#ledger/paid-grants';
import type { Movement, MovementKind, ProcessorBooks } from '#payments/books';
import type { PaymentsDeps } from '#payments/deps';
import type { Difference } from '#payments/differences';
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
  readonly grant: PaidGrant;
}

/** Undefined: the processor did not answer. */
type Check = (one: Case) => Promise<readonly Difference[] | undefined>;

/**
 * Refunds are compared as one total per payment: the ledger names a refund before the processor has
 * given it an id, and a failed one takes its amount back on both sides.
 */
async function refunds(one: Case): Promise<readonly Difference[] | undefined> {
  const answer = await one.books.readCharge(one.payment);
  if (answer.outcome === 'unavailable') return undefined;
  if (answer.outcome === 'missing') return [];
  const { refundedMinorUnits: minorUnits, currency } = answer.charge;
  return compareRefunds({ minorUnits, currency }, one.purchase, one.grant, one.movements[0].at);
}

/** A dispute is known once the ledger froze the payment's grant for one, however it ended. */
async function disputes(one: Case): Promise<readonly Difference[]> {
  const told = new Set(one.movements.map(({ sourceId }) => sourceId));
  return told.size <= one.grant.disputes ? [] : [disputeUnknown(one.movements[0], one.purchase)];
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
  const sold = rows.filter(({ state }) => state === 'credited');
  const grants = new Map(
    (
      await readPaidGrants(
        deps.pool,
        sold.map(({ organizationId, paymentIntentId }) => ({
          organizationId,
          source: paymentIntentId ?? '',
        })),
      )
    ).map((grant) => [grant.source, grant]),
  );
  const found: Difference[] = [];
  for (const purchase of sold) {
    const payment = purchase.paymentIntentId ?? '';
    const grant = grants.get(payment);
    // Missing altogether: told by what was charged.
    if (grant === undefined) continue;
    for (const { check, movements } of kindsOf(back.get(payment) ?? [])) {
      const differences = await check({ books: deps.books, payment, movements, purchase, grant });
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
