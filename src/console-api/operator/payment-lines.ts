import type { Db } from '#db/pool';
import { formatUsd, fromCents } from '#kernel/money';
import { DIFFERENCES, type Difference, openDifferences } from '#payments/differences';
import { OPEN_DISPUTE_STATES } from '#payments/dispute';
import { type Dispute, listDisputes } from '#payments/disputes';
import { type Refund, unansweredRefunds } from '#payments/refunds';
import { listMisdirected, MISFITS, type Misdirected, REMEDY_FAILURES } from '#payments/remedies';
import { type FraudWarning, listWarnings } from '#payments/warnings';
import type { ConsoleDeps } from '../deps.ts';
import { type Line, line } from './line.ts';
import { DIFFERENCE_STEPS } from './steps.ts';

const LISTED = 100;

/** Payments, refunds and disputes that wait for a person, by what is most pressing. */
export async function paymentLines(deps: Pick<ConsoleDeps, 'pool' | 'payments'>): Promise<Line[]> {
  const { pool, payments } = deps;
  const [aside, differences, refunds, disputes, warnings] = await Promise.all([
    listMisdirected(pool),
    openDifferences(pool, payments),
    unansweredRefunds(pool),
    openDisputes(pool),
    listWarnings(pool, LISTED),
  ]);
  const listed = new Set(aside.map(({ paymentIntentId }) => paymentIntentId));
  return [
    ...aside.map(setAside),
    ...refunds.map(unreached),
    ...disputes.map(disputed),
    ...warnings.filter(({ actionable }) => actionable).map(suspected),
    // A payment that is listed above is the same money.
    ...differences.filter((one) => !listed.has(one.reference)).map(differs),
  ];
}

async function openDisputes(db: Db): Promise<Dispute[]> {
  const open = await listDisputes(db, { states: OPEN_DISPUTE_STATES, limit: LISTED });
  const deadline = ({ respondBy }: Dispute) => respondBy?.getTime() ?? Number.POSITIVE_INFINITY;
  return open.sort((one, other) => deadline(one) - deadline(other));
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** Where a failure says what is best done next. */
const STEPS_AFTER: Readonly<Record<string, string>> = {
  disputed: 'Answer the dispute at the payment processor; after it is won, credit it.',
  refund_failed: 'Refund it again, or ask the customer for another way to pay it back.',
};

const stepOf = (failureCode: string | null): string =>
  STEPS_AFTER[failureCode ?? ''] ?? 'Credit it, or refund it.';

function setAside(payment: Misdirected): Line {
  const { paymentIntentId, remedy, remedyState, failureCode } = payment;
  const why = sentence(payment.mismatches.map((fact) => MISFITS[fact] ?? fact).join('; '));
  const usd = payment.currency === 'usd';
  const failed = failureCode === null ? '' : (REMEDY_FAILURES[failureCode] ?? failureCode);
  const underWay = remedyState === 'requested' || remedyState === 'pending';
  return line({
    key: `payment ${paymentIntentId}`,
    kind: 'payment_set_aside',
    title: 'A payment came in and fits nothing that was sold',
    detail: remedyState === 'failed' ? `${why} The ${remedy} did not work: ${failed}.` : why,
    organizationId: payment.organizationId,
    amount_usd: usd ? formatUsd(fromCents(payment.receivedMinorUnits)) : null,
    amount_other: usd ? null : `${payment.receivedMinorUnits} ${payment.currency}`,
    since: payment.foundAt.toISOString(),
    next_step: underWay ? `Nothing now: its ${remedy} is under way.` : stepOf(failureCode),
    payment_id: paymentIntentId,
    purchase_id: payment.purchaseId,
    decidable: !underWay,
  });
}

const unreached = (refund: Refund): Line =>
  line({
    key: `refund ${refund.id}`,
    kind: 'refund_unreached',
    title: 'A refund did not reach the customer',
    detail:
      `${refund.id} ${refund.state}${refund.failureCode === null ? '' : `: ${refund.failureCode}`}. ` +
      'Its credit is back.',
    organizationId: refund.organizationId,
    amount_usd: formatUsd(refund.total),
    since: refund.updatedAt.toISOString(),
    next_step: 'Write to the customer: refund it again, pay another way, or leave the credit.',
    purchase_id: refund.purchaseId,
  });

const disputed = (dispute: Dispute): Line =>
  line({
    key: `dispute ${dispute.id}`,
    kind: 'dispute',
    title:
      dispute.state === 'inquiry' ? 'A bank asks about a payment' : 'A bank disputes a payment',
    detail: `${dispute.id}, ${dispute.reason}. Frozen: $${formatUsd(dispute.frozen)}.`,
    organizationId: dispute.organizationId,
    amount_usd: formatUsd(dispute.amount),
    since: dispute.openedAt.toISOString(),
    deadline: dispute.respondBy?.toISOString() ?? null,
    next_step: 'Answer it, or accept it, at the payment processor.',
    purchase_id: dispute.purchaseId,
  });

const suspected = (warning: FraudWarning): Line =>
  line({
    key: `warning ${warning.id}`,
    kind: 'fraud_warning',
    title: 'A bank suspects fraud in a payment',
    detail: `${warning.fraudType}. Most such payments are disputed later, with a fee.`,
    organizationId: warning.organizationId,
    amount_usd: formatUsd(warning.credit),
    since: warning.warnedAt.toISOString(),
    next_step: 'Unless you know the customer, refund what is unspent.',
    purchase_id: warning.purchaseId,
  });

/** The reference is a payment's, unless the processor knows nothing of it or it is a dispute. */
const differs = (one: Difference): Line =>
  line({
    key: `difference ${one.kind} ${one.reference}`,
    kind: 'difference',
    title: DIFFERENCES[one.kind],
    detail: `${one.reference}: ${one.detail}`,
    organizationId: one.organizationId,
    since: one.happenedAt.toISOString(),
    next_step: DIFFERENCE_STEPS[one.kind],
    payment_id: one.reference.startsWith('pi_') ? one.reference : null,
    purchase_id: one.purchaseId,
  });
