import type { Db } from '#db/pool';
import { newId } from '#kernel/ids';
import { refundFailed, refundPaid } from '#ledger/refunds';
import { reinstateCredit } from '#ledger/reinstating';
import type { PaymentsDeps } from '#payments/deps';
import { wantCreditNote } from '#payments/documents';
import { withoutFreeze } from '#payments/freezing';
import {
  GIVEN_BACK_STATES,
  nextRefundState,
  REFUSALS,
  type RefundEvent,
  refundSentence,
  TAKEN_UP_SENTENCE,
} from '#payments/refund';
import type { ProcessorRefund } from '#payments/refund-port';
import { type Refund, readRefund, tellRefund } from '#payments/refunds';
import * as sql from '#payments/refunds-sql';
import { findByProcessorIds, lockPurchase, type Purchase } from '#payments/sql';
import { takeUp } from '#payments/taking-back';
import { tellRefunded } from '#payments/telling';

/** How often a refund that waits for the bank is looked at, should its events be lost. */
const PENDING_LOOK_MS = 15 * 60_000;

const EVENT_OF: Readonly<Record<ProcessorRefund['status'], RefundEvent>> = {
  pending: 'accepted',
  succeeded: 'succeeded',
  failed: 'failed',
};

export const refundKey = (refund: Pick<Refund, 'environment' | 'id' | 'attempt'>): string =>
  `${refund.environment}:${refund.id}:refund:${refund.attempt}`;

export type Pursued = 'done' | 'processor_unavailable';

/**
 * Brings a stored refund on, at any time, by anyone, any number of times: the call carries a key
 * made from the row, and before it is repeated the refunds of the payment are looked through.
 */
export async function pursueRefund(
  deps: PaymentsDeps,
  organizationId: string,
  refundId: string,
): Promise<Pursued> {
  const refund = await readRefund(deps.pool, refundId, organizationId);
  // Another account's: this one would say that the payment does not exist.
  if (refund?.environment !== deps.environment) return 'done';
  if (refund?.state === 'pending') return syncRefunds(deps, refund.paymentIntentId);
  if (refund?.state !== 'requested') return 'done';
  if (refund.looks > 0) {
    const looked = await syncRefunds(deps, refund.paymentIntentId);
    if (looked === 'processor_unavailable') return looked;
    const found = await readRefund(deps.pool, refundId, organizationId);
    if (found?.state !== 'requested') return 'done';
  }
  const answer = await deps.moneyBack.createRefund({
    paymentIntentId: refund.paymentIntentId,
    amount: refund.total,
    refundId: refund.id,
    environment: refund.environment,
    idempotencyKey: refundKey(refund),
  });
  if (answer.outcome === 'unknown') {
    const fields = { refund: refund.id, detail: answer.detail };
    deps.log?.warn(fields, 'a refund has no known outcome yet and is asked again');
    // Looked for before the key is given up: the answer was lost, the refund may not be.
    const looked = await syncRefunds(deps, refund.paymentIntentId);
    if (answer.replayed && looked === 'done') {
      await deps.pool.query(sql.raiseRefundAttempt(refund));
    }
    return 'processor_unavailable';
  }
  if (answer.outcome === 'done') {
    await observeRefund(deps, refund, answer.refund);
    return 'done';
  }
  const { code } = answer;
  const event = REFUSALS[code] ?? 'refused';
  await deps.pool.transaction((tx) => step(deps, tx, refund, event, null, code));
  deps.log?.error({ refund: refund.id, code }, 'the processor refused a refund; credit is back');
  // It says money went back that we may not know of.
  return event === 'found_refunded' ? syncRefunds(deps, refund.paymentIntentId) : 'done';
}

/** Books what the processor says of every refund of a payment. Harmless when repeated. */
export async function syncRefunds(deps: PaymentsDeps, paymentIntentId: string): Promise<Pursued> {
  const purchase = await creditedBy(deps.pool, paymentIntentId);
  if (purchase === undefined) return 'done';
  const listed = await deps.moneyBack.listRefunds(paymentIntentId);
  if (listed.outcome === 'unavailable') return 'processor_unavailable';
  if (listed.outcome === 'missing') return 'done';
  for (const refund of listed.refunds) await observe(deps, purchase, refund);
  return 'done';
}

async function creditedBy(db: Db, paymentIntentId: string): Promise<Purchase | undefined> {
  const [purchase] = await db.query<Purchase>(findByProcessorIds(null, paymentIntentId));
  return purchase?.state === 'credited' ? purchase : undefined;
}

/** Ours by its tags, or made at the processor and met for the first time. */
async function observe(
  deps: PaymentsDeps,
  purchase: Purchase,
  seen: ProcessorRefund,
): Promise<void> {
  const failed = await deps.pool.transaction(async (tx) => {
    await tx.query(lockPurchase(purchase.organizationId, purchase.id));
    const ours = seen.environment === deps.environment ? seen.refundId : null;
    const [known] = await tx.query<Refund>(
      sql.findRefundOf(purchase.organizationId, purchase.id, seen.id, ours),
    );
    const refund = known ?? (await bookForeign(deps, tx, purchase, seen));
    if (refund === undefined) return false;
    return step(deps, tx, refund, EVENT_OF[seen.status], seen.id, seen.failureCode);
  });
  if (failed) tellFailure(deps, purchase, seen);
}

/** The answer to our own call: the same as when it is met in a list. */
async function observeRefund(
  deps: PaymentsDeps,
  refund: Refund,
  seen: ProcessorRefund,
): Promise<void> {
  const failed = await deps.pool.transaction((tx) =>
    step(deps, tx, refund, EVENT_OF[seen.status], seen.id, seen.failureCode),
  );
  if (failed) tellFailure(deps, refund, seen);
}

function tellFailure(deps: PaymentsDeps, of: { id: string }, seen: ProcessorRefund): void {
  const fields = { subject: of.id, refund: seen.id, code: seen.failureCode };
  deps.log?.error(fields, 'a refund did not reach the customer; the credit is back');
}

async function bookForeign(
  deps: PaymentsDeps,
  tx: Db,
  purchase: Purchase,
  seen: ProcessorRefund,
): Promise<Refund | undefined> {
  const { organizationId, grantId, paymentIntentId } = purchase;
  // One that failed before we heard of it moved nothing.
  if (seen.status === 'failed' || grantId === null || paymentIntentId === null) return undefined;
  const { amount } = seen;
  if (amount === undefined) {
    deps.log?.error({ purchase: purchase.id, refund: seen.id }, 'a refund is not in USD');
    return undefined;
  }
  const id = newId('refund', deps.entropy);
  const booked = await withoutFreeze(tx, organizationId, grantId, () =>
    takeUp(tx, { organizationId, grantId, reference: id, amount }),
  );
  const [refund] = await tx.query<Refund>(
    sql.insertRefund({
      ...{ organizationId, id, purchaseId: purchase.id, grantId, origin: 'processor' },
      ...{ ...booked, reason: TAKEN_UP_SENTENCE, actor: 'processor' },
      ...{ provider: purchase.provider, environment: purchase.environment },
      ...{ paymentIntentId, processorRefundId: seen.id },
    }),
  );
  if (refund === undefined) throw new Error('a refund was not stored');
  await tellRefund(tx, purchase, refund, TAKEN_UP_SENTENCE);
  const { spent, beyond } = booked;
  if (spent > 0n || beyond > 0n) {
    const fields = { refund: id, purchase: purchase.id };
    deps.log?.warn(fields, 'a refund at the processor took credit that was spent already');
  }
  return refund;
}

/** One step of a refund's course, with what it does to the ledger. True if the money came back. */
async function step(
  deps: PaymentsDeps,
  tx: Db,
  of: Refund,
  event: RefundEvent,
  processorRefundId: string | null,
  failureCode: string | null,
): Promise<boolean> {
  const [purchase] = await tx.query<Purchase>(lockPurchase(of.organizationId, of.purchaseId));
  const [refund] = await tx.query<Refund>(sql.lockRefund(of));
  const state = refund === undefined ? undefined : nextRefundState(refund.state, event);
  if (purchase === undefined || refund === undefined || state === undefined) return false;
  const back = !GIVEN_BACK_STATES.includes(state);
  const { organizationId, id: reference } = refund;
  if (state === 'paid') {
    await refundPaid(tx, { organizationId, reference });
    await wantCreditNote(tx, refund);
  }
  if (back) await giveBack(deps, tx, refund);
  const look = state === 'pending' ? PENDING_LOOK_MS : null;
  const [moved] = await tx.query<Refund>(
    sql.updateRefund(refund, state, processorRefundId, failureCode, look),
  );
  await tellRefund(tx, purchase, moved ?? refund, refundSentence(state, refund.total));
  await tellRefunded(deps, tx, refund, state);
  return back && event === 'failed';
}

/** The credit is the customer's again; of a part that was spent already, the debt is paid first. */
async function giveBack(deps: PaymentsDeps, tx: Db, refund: Refund): Promise<void> {
  const { organizationId, id, grantId, spent, spentTax } = refund;
  if (refund.credit > spent) await refundFailed(tx, { organizationId, reference: id });
  if (spent === 0n) return;
  await reinstateCredit(tx, {
    ...{ organizationId, of: grantId, grantId: newId('grant', deps.entropy) },
    ...{ amount: spent, tax: spentTax, source: `${id}:returned` },
    reference: id,
  });
}

/** Meant for every second or so: brings on the refunds whose turn it is. */
export async function pursueDueRefunds(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<{ organizationId: string; id: string }>(
    sql.takeDueRefunds(deps.environment, REFUNDS_AT_ONCE),
  );
  for (const { organizationId, id } of due) await pursueRefund(deps, organizationId, id);
}

const REFUNDS_AT_ONCE = 10;
