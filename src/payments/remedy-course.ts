import type { Db } from '#db/pool';
import { newId, type OrganizationId, type PurchaseId } from '#kernel/ids';
import { issueGrant } from '#ledger/grants';
import type { PaymentsDeps } from '#payments/deps';
import { takesMoney } from '#payments/dispute';
import type { ProcessorDispute } from '#payments/dispute-port';
import { wantInvoice } from '#payments/documents';
import type { Payment } from '#payments/processor';
import { SENTENCES } from '#payments/purchase';
import { REFUSALS } from '#payments/refund';
import type { ProcessorRefund } from '#payments/refund-port';
import { readRemedy } from '#payments/remedies';
import * as sql from '#payments/remedies-sql';
import { type Net, netOf } from '#payments/remedy-net';
import {
  businessTimeOf,
  findByProcessorIds,
  findPurchase,
  insertTimeline,
  type Purchase,
} from '#payments/sql';
import { tellCredited } from '#payments/telling';
import { advance } from '#payments/transition';

type Done = 'done' | 'processor_unavailable';

/**
 * Reads what became of the refund an operator decided on. One that went well may still fail, days
 * later (F58): then nobody has the money but us, and it waits for a decision again.
 */
export async function syncRemedyRefund(deps: PaymentsDeps, paymentIntentId: string): Promise<Done> {
  const remedy = await readRemedy(deps.pool, paymentIntentId);
  if (remedy?.kind !== 'refund') return 'done';
  if (remedy.state === 'pending') return pursueRemedy(deps, paymentIntentId);
  if (remedy.state !== 'done' || !(await isHere(deps, paymentIntentId))) return 'done';
  const listed = await deps.moneyBack.listRefunds(paymentIntentId);
  if (listed.outcome === 'unavailable') return 'processor_unavailable';
  // One that was made after it, in the dashboard, is what counts.
  const last = listed.outcome === 'found' ? listed.refunds.at(-1) : undefined;
  if (last?.status !== 'failed') return 'done';
  const failed = await deps.pool.query(sql.failRefunded(remedy));
  const fields = { payment: paymentIntentId, refund: last.id, code: last.failureCode };
  if (failed.length > 0) {
    deps.log?.error(fields, 'the refund of a quarantined payment did not reach the customer');
  }
  return 'done';
}

/** Another deployment's: our processor would say that the payment does not exist. */
async function isHere(deps: PaymentsDeps, paymentIntentId: string): Promise<boolean> {
  const [owner] = await deps.pool.query<{ environment: string | null }>(
    sql.environmentOf(paymentIntentId),
  );
  return (owner?.environment ?? deps.environment) === deps.environment;
}

/** Brings an operator's decision on, at any time, by anyone, any number of times. */
export async function pursueRemedy(deps: PaymentsDeps, paymentIntentId: string): Promise<Done> {
  const remedy = await readRemedy(deps.pool, paymentIntentId);
  if (remedy?.state !== 'requested' && remedy?.state !== 'pending') return 'done';
  if (!(await isHere(deps, paymentIntentId))) return 'done';
  const listed = await deps.moneyBack.listRefunds(paymentIntentId);
  if (listed.outcome === 'unavailable') return 'processor_unavailable';
  const refunds = listed.outcome === 'found' ? listed.refunds : [];
  return remedy.kind === 'credit'
    ? creditHere(deps, remedy, refunds)
    : refundAll(deps, remedy, refunds);
}

/** The payment is read again: what is credited is what is there now, and only once. */
async function creditHere(
  deps: PaymentsDeps,
  remedy: sql.Remedy,
  refunds: readonly ProcessorRefund[],
): Promise<Done> {
  const answer = await deps.processor.retrievePayment(remedy.paymentIntentId);
  if (answer.outcome === 'unavailable') return 'processor_unavailable';
  const payment = answer.outcome === 'found' ? answer.payment : undefined;
  const listed = await deps.moneyBack.listDisputes(remedy.paymentIntentId);
  if (listed.outcome === 'unavailable') return 'processor_unavailable';
  const disputes = listed.outcome === 'found' ? listed.disputes : [];
  const refused = refusalOf(deps, payment, { refunds, disputes });
  const { organizationId } = remedy;
  if (payment?.received === undefined || refused !== undefined || organizationId === null) {
    await deps.pool.query(sql.moveRemedy(remedy, 'failed', refused ?? 'payment_not_usable'));
    return 'done';
  }
  const net = await netOf(deps, payment, payment.received);
  if (net === 'processor_unavailable') return net;
  if (net === 'tax_unknown') {
    await deps.pool.query(sql.moveRemedy(remedy, 'failed', net));
    return 'done';
  }
  const granted = await deps.pool.transaction(async (tx) => {
    const [locked] = await tx.query<sql.Remedy>(sql.lockRemedy(remedy));
    // Meanwhile it may have failed elsewhere, and an operator have decided otherwise.
    if (locked?.state !== 'requested' || locked.attempt !== remedy.attempt) return false;
    const [credited] = await tx.query<Purchase>(findByProcessorIds(null, payment.id));
    if (credited?.state === 'credited') {
      await tx.query(sql.moveRemedy(remedy, 'failed', 'credited_already'));
      return false;
    }
    const purchaseId = await grant(deps, tx, { ...remedy, organizationId }, payment, net);
    const { environment } = deps;
    await wantInvoice(tx, { organizationId, id: purchaseId, environment });
    await tx.query(sql.moveRemedy(remedy, 'done', null, purchaseId));
    return true;
  });
  const fields = { payment: payment.id, actor: remedy.actor };
  if (granted) deps.log?.info(fields, 'a quarantined payment was credited by an operator');
  return 'done';
}

function refusalOf(
  deps: PaymentsDeps,
  payment: Payment | undefined,
  back: {
    readonly refunds: readonly ProcessorRefund[];
    readonly disputes: readonly ProcessorDispute[];
  },
): string | undefined {
  if (payment === undefined) return 'payment_missing';
  if (payment.livemode !== deps.processor.livemode) return 'other_mode';
  if (payment.status !== 'succeeded') return 'payment_not_succeeded';
  if (payment.received === undefined || payment.received <= 0n) return 'payment_not_usd';
  if (back.refunds.some(({ status }) => status !== 'failed')) return 'refunded_meanwhile';
  if (back.disputes.some(({ news }) => takesMoney(news))) return 'disputed';
  return undefined;
}

async function grant(
  deps: PaymentsDeps,
  tx: Db,
  remedy: sql.Remedy & { readonly organizationId: OrganizationId },
  payment: Payment,
  net: Net,
): Promise<PurchaseId> {
  const { organizationId, actor } = remedy;
  const meant = await quarantinedFor(tx, organizationId, payment);
  const purchaseId = meant?.id ?? newId('purchase', deps.entropy);
  const [paid] =
    payment.chargedAt === null
      ? []
      : await tx.query<{ at: Date }>(businessTimeOf(payment.chargedAt));
  const issued = await issueGrant(tx, {
    ...{ organizationId, grantId: newId('grant', deps.entropy), kind: 'purchase' },
    ...{ amount: net.credit, tax: net.tax, source: payment.id, reference: purchaseId },
    ...(paid === undefined ? {} : { happenedAt: paid.at }),
  });
  const { grantId } = issued;
  const { chargeId, receiptUrl } = payment;
  if (meant !== undefined) {
    const ids = { paymentIntentId: payment.id, chargeId, receiptUrl, grantId };
    await advance(tx, meant, 'operator_credited', { ...net, ...ids, settledVia: 'operator' });
  } else {
    const stored = { organizationId, id: purchaseId };
    await tx.query(
      sql.insertRemedied({
        ...{ ...stored, ...net, actor, grantId, chargeId, receiptUrl },
        ...{ provider: deps.processor.name, environment: deps.environment },
        ...{ consoleUrl: deps.urls.console, paymentIntentId: payment.id },
      }),
    );
    await tx.query(insertTimeline(stored, 'credited', SENTENCES.operator_credited));
  }
  // Whoever paid has waited for it: the receipt is what tells them.
  const [credited] = await tx.query<Purchase>(findPurchase(purchaseId, organizationId));
  if (credited !== undefined) {
    const paidAt = paid?.at ?? deps.clock.now();
    await tellCredited(deps, tx, credited, { grant: issued, tax: net.tax, paidAt });
  }
  return purchaseId;
}

/** The purchase the payment was for, if that is the same customer's and still waits for it. */
async function quarantinedFor(
  tx: Db,
  organizationId: OrganizationId,
  payment: Payment,
): Promise<Purchase | undefined> {
  if (payment.purchaseId === null) return undefined;
  const [purchase] = await tx.query<Purchase>(findPurchase(payment.purchaseId, organizationId));
  return purchase?.state === 'quarantined' ? purchase : undefined;
}

const refundIdOf = (remedy: sql.Remedy): string => `remedy:${remedy.paymentIntentId}`;

/** All of it goes back, in the currency it came in. No credit was given, so none is taken. */
async function refundAll(
  deps: PaymentsDeps,
  remedy: sql.Remedy,
  refunds: readonly ProcessorRefund[],
): Promise<Done> {
  const ours = refunds.findLast((refund) => refund.refundId === refundIdOf(remedy));
  if (ours !== undefined && (ours.status !== 'failed' || remedy.state === 'pending')) {
    return refundSeen(deps, remedy, ours);
  }
  const answer = await deps.moneyBack.createRefund({
    paymentIntentId: remedy.paymentIntentId,
    amount: undefined,
    refundId: refundIdOf(remedy),
    environment: deps.environment,
    idempotencyKey: `${deps.environment}:${refundIdOf(remedy)}:refund:${remedy.attempt}`,
  });
  if (answer.outcome === 'unknown') {
    if (answer.replayed) await deps.pool.query(sql.raiseRemedyAttempt(remedy));
    return 'processor_unavailable';
  }
  if (answer.outcome === 'done') return refundSeen(deps, remedy, answer.refund);
  // It went back before, whoever sent it: what was wanted is so.
  const isBack = REFUSALS[answer.code] === 'found_refunded';
  const state = isBack ? 'done' : 'failed';
  await deps.pool.query(sql.moveRemedy(remedy, state, isBack ? null : answer.code));
  return 'done';
}

const STATE_OF = { pending: 'pending', succeeded: 'done', failed: 'failed' } as const;

async function refundSeen(
  deps: PaymentsDeps,
  remedy: sql.Remedy,
  refund: ProcessorRefund,
): Promise<Done> {
  await deps.pool.query(sql.moveRemedy(remedy, STATE_OF[refund.status], refund.failureCode));
  return 'done';
}

const REMEDIES_AT_ONCE = 10;

/** What the jobs of decisions did not bring to an end. */
export async function pursueDueRemedies(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<{ paymentIntentId: string }>(
    sql.takeDueRemedies(deps.environment, REMEDIES_AT_ONCE),
  );
  for (const { paymentIntentId } of due) await pursueRemedy(deps, paymentIntentId);
}
