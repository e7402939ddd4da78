import { paidGrantsBetween, readPaidGrants } from '#ledger/paid-grants';
import type { Movement, ProcessorBooks } from '#payments/books';
import type { PaymentsDeps } from '#payments/deps';
import { type Difference, keepDifferences, openDifferences } from '#payments/differences';
import { PURPOSE } from '#payments/processor';
import {
  compareCharge,
  compareSold,
  grantAlone,
  notCredited,
  notPaid,
} from '#payments/reconcile-compare';
import { compareMoneyBack, type MoneyBack } from '#payments/reconcile-money-back';
import * as sql from '#payments/reconcile-sql';
import { settlePayment } from '#payments/settle';

export interface ReconcileDeps extends PaymentsDeps {
  readonly books: ProcessorBooks;
}

export interface Period {
  /** By the processor's clock. */
  readonly from: Date;
  /** Up to now if absent. */
  readonly to?: Date;
}

export type Reconciled =
  | {
      readonly outcome: 'reconciled';
      /** All that is open now, also from before the period. */
      readonly differences: readonly Difference[];
      /** Payments that nobody had credited and this run did. */
      readonly healed: number;
      readonly movements: number;
      readonly began: Date;
    }
  /** Nothing is concluded from half of the books. */
  | { readonly outcome: 'processor_unavailable' };

const PAGE = 100;
/** Each takes two calls to the processor, one after the other. */
const HEALED_AT_ONCE = 4;

/** What a run has seen so far. */
interface Seen {
  readonly charged: Set<string>;
  readonly back: MoneyBack;
  readonly found: Difference[];
  healed: number;
  movements: number;
}

/** The processor did not answer; ends the run without a verdict. */
class Unanswered extends Error {}

/**
 * Compares what the processor says moved in a period with purchases and ledger, both ways. What was
 * paid and not credited is settled as any other driver would; what does not agree after that is
 * kept for an operator, and ends when a later run finds it in order. Changes nothing else, however
 * often, late or at the same time it is run.
 */
export async function reconcile(deps: ReconcileDeps, period: Period): Promise<Reconciled> {
  const [clock] = await deps.pool.query<{ now: Date }>(sql.realNow);
  const began = clock?.now ?? deps.clock.now();
  const seen: Seen = { charged: new Set(), back: new Map(), found: [], healed: 0, movements: 0 };
  try {
    for await (const page of movementsOf(deps, period)) await followPage(deps, page, seen);
    await followCredited(deps, period, seen);
    await followGrants(deps, period, seen);
    const back = await compareMoneyBack(deps, seen.back);
    if (back === undefined) return { outcome: 'processor_unavailable' };
    seen.found.push(...back);
  } catch (error) {
    if (error instanceof Unanswered) return { outcome: 'processor_unavailable' };
    throw error;
  }
  await keepDifferences(deps, { began, from: period.from, to: period.to }, seen.found);
  const differences = await openDifferences(deps.pool, deps);
  const { healed, movements } = seen;
  return { outcome: 'reconciled', differences, healed, movements, began };
}

async function* movementsOf(
  { books }: ReconcileDeps,
  period: Period,
): AsyncGenerator<readonly Movement[]> {
  let after: string | undefined;
  for (;;) {
    const answer = await books.listMovements(
      { ...period, ...(after === undefined ? {} : { after }) },
      PAGE,
    );
    if (answer.outcome === 'unavailable') throw new Unanswered(answer.detail);
    yield answer.movements;
    after = answer.movements.at(-1)?.id;
    if (!answer.more || after === undefined) return;
  }
}

async function followPage(
  deps: ReconcileDeps,
  page: readonly Movement[],
  seen: Seen,
): Promise<void> {
  seen.movements += page.length;
  const charges = new Map<string, Movement>();
  for (const movement of page) {
    const payment = movement.paymentIntentId;
    if (payment === null || movement.kind === 'other') continue;
    if (movement.kind === 'charge') charges.set(payment, movement);
    else seen.back.set(payment, [...(seen.back.get(payment) ?? []), movement]);
  }
  for (const payment of charges.keys()) seen.charged.add(payment);
  const sold = await soldBy(deps, [...charges.keys()]);
  const credited = [...sold.values()].filter(({ state }) => state === 'credited');
  const grants = await grantsOf(deps, credited);
  const open: Movement[] = [];
  for (const [payment, movement] of charges) {
    const purchase = sold.get(payment);
    if (purchase?.state !== 'credited') open.push(movement);
    else {
      seen.found.push(...compareCharge(movement, purchase));
      seen.found.push(...compareSold(purchase, grants.get(payment)));
    }
  }
  const ours = await oursAmong(deps, open, sold);
  while (ours.length > 0) {
    const batch = ours.splice(0, HEALED_AT_ONCE);
    await Promise.all(batch.map((movement) => heal(deps, movement, seen)));
  }
}

async function soldBy(
  deps: ReconcileDeps,
  payments: readonly string[],
): Promise<ReadonlyMap<string, sql.Sold>> {
  const rows = await deps.pool.query<sql.Sold>(sql.soldBy(payments));
  return new Map(rows.map((row) => [row.paymentIntentId ?? '', row]));
}

async function grantsOf(deps: ReconcileDeps, credited: readonly sql.Sold[]) {
  const grants = await readPaidGrants(
    deps.pool,
    credited.map(({ organizationId, paymentIntentId }) => ({
      organizationId,
      source: paymentIntentId ?? '',
    })),
  );
  return new Map(grants.map((grant) => [grant.source, grant]));
}

/**
 * Worth a call to the processor: tagged by us, or paid by a customer of ours. A charge carries the
 * tags of its payment; one that lost them is found by its customer. Other products' are left alone.
 */
async function oursAmong(
  deps: ReconcileDeps,
  charges: readonly Movement[],
  sold: ReadonlyMap<string, sql.Sold>,
): Promise<Movement[]> {
  if (charges.length === 0) return [];
  const ids = charges.flatMap(({ customerId }) => (customerId === null ? [] : [customerId]));
  const rows = await deps.pool.query<{ customerId: string }>(
    sql.customersAmong(deps.processor.name, ids),
  );
  const customers = new Set(rows.map((row) => row.customerId));
  return charges.filter(
    (charge) =>
      (charge.purpose === PURPOSE && charge.environment === deps.environment) ||
      sold.has(charge.paymentIntentId ?? '') ||
      (charge.purpose === null && customers.has(charge.customerId ?? '')),
  );
}

async function heal(deps: ReconcileDeps, charge: Movement, seen: Seen): Promise<void> {
  const payment = charge.paymentIntentId ?? '';
  const outcome = await settleSafely(deps, payment);
  switch (outcome) {
    case 'processor_unavailable':
      throw new Unanswered(payment);
    case 'credited':
      seen.healed += 1;
      deps.log?.warn({ payment }, 'a payment nobody had credited was found by reconciliation');
      return;
    case 'already_credited':
    case 'ignored':
      return;
    case 'not_succeeded':
    case 'broke_off':
      seen.found.push(notCredited(charge, 'it could not be credited'));
      return;
    case 'quarantined': {
      const [row] = await deps.pool.query<{ resolved: boolean }>(
        sql.setAside(deps.processor.name, [payment]),
      );
      // Granted or refunded by hand: there is nothing left to tell.
      if (row?.resolved !== true) seen.found.push(notCredited(charge, 'it is quarantined'));
    }
  }
}

async function settleSafely(deps: ReconcileDeps, payment: string) {
  try {
    return (await settlePayment(deps, payment, 'reconciliation')).outcome;
  } catch (error) {
    deps.log?.error({ payment, err: error }, 'a payment could not be credited');
    return 'broke_off' as const;
  }
}

/** Credit whose payment did not show: the books may lag, so the payment itself is asked for. */
async function followCredited(deps: ReconcileDeps, period: Period, seen: Seen): Promise<void> {
  const { environment, processor } = deps;
  const range = { from: period.from, to: period.to };
  let after: readonly [string, string] = ['', ''];
  for (;;) {
    const page = await deps.pool.query<sql.Sold>(
      sql.creditedBetween(environment, processor.name, range, after, PAGE),
    );
    for (const purchase of page) {
      const payment = purchase.paymentIntentId ?? '';
      if (seen.charged.has(payment)) continue;
      const answer = await deps.books.readCharge(payment);
      if (answer.outcome === 'unavailable') throw new Unanswered(answer.detail);
      const paid = answer.outcome === 'found' && answer.charge.paid;
      if (!paid) seen.found.push(notPaid(purchase));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = [last.organizationId, last.id];
  }
}

async function followGrants(deps: ReconcileDeps, period: Period, seen: Seen): Promise<void> {
  for await (const page of paidGrantsBetween(deps.pool, period.from, period.to ?? null)) {
    const sold = await soldBy(
      deps,
      page.map(({ source }) => source),
    );
    for (const grant of page) {
      if (sold.get(grant.source)?.state !== 'credited') seen.found.push(grantAlone(grant));
    }
  }
}
