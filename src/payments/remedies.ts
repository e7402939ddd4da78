import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { type OrganizationId, parseId } from '#kernel/ids';
import { readOrganization } from '#orgs/organizations';
import { lockSettings } from '#payments/auto-reload-sql';
import { insertQuarantined, type Quarantined } from '#payments/quarantine-sql';
import { switchOffForRefund } from '#payments/reload-refund';
import * as sql from '#payments/remedies-sql';

/** Carries out what an operator decided about a quarantined payment. */
export const REMEDY_TASK = 'payments.remedy';

export type Misdirected = sql.MisdirectedRow;
export type Remedy = sql.Remedy;
export type RemedyKind = sql.RemedyKind;

/** Why a payment fits nothing, in words; the key is the fact that does not hold. */
export const MISFITS: Readonly<Record<string, string>> = {
  mode: 'it was made in another mode (test or live)',
  purpose: 'it carries another purpose or deployment',
  purchase: 'it names a purchase that is not here',
  provider: 'its purchase was begun at another processor',
  customer: 'it was paid by another customer',
  payment: 'its purchase was paid by another payment',
  currency: 'it is in another currency',
  total: 'its amount is not the one that was asked for',
  status: 'it did not succeed',
  product: 'it was paid for another product; an operator brought it here',
};

/** Why a decision could not be carried out, in words. A code of the processor stands for itself. */
export const REMEDY_FAILURES: Readonly<Record<string, string>> = {
  payment_missing: 'the processor does not know this payment',
  other_mode: 'the payment was made in another mode (test or live)',
  payment_not_succeeded: 'the payment did not succeed',
  payment_not_usd: 'the payment is not in USD',
  payment_not_usable: 'the payment can no longer be credited',
  refunded_meanwhile: 'the payment was refunded meanwhile',
  disputed:
    'the bank has taken the payment back, or is about to: answer the dispute at the payment ' +
    'processor, and credit it after it is won',
  refund_failed:
    'the bank did not take the refund and the money is back here: refund it again, or ask the ' +
    'customer for another way to pay it back',
  credited_already: 'the payment is credit already',
  tax_unknown: 'tax was collected with it, and how much nobody can say',
};

/** Quarantined payments that wait for a decision, or for the processor after one. */
export const listMisdirected = (db: Db): Promise<Misdirected[]> =>
  db.query<Misdirected>(sql.listMisdirected);

export interface Decision {
  readonly paymentIntentId: string;
  readonly kind: sql.RemedyKind;
  /** Who gets the credit; the one the payment names if absent. */
  readonly organizationId?: OrganizationId;
  readonly reason: string;
  readonly actor: string;
  /**
   * The payment where it is none of ours: one of another product is set aside by the decision and
   * never before, so nothing but a person can bring it here.
   */
  readonly outsider?: Quarantined;
}

export type Decided =
  | { readonly outcome: 'requested'; readonly organizationId: OrganizationId | null }
  /** Not quarantined, or it has been dealt with. */
  | { readonly outcome: 'unknown_payment' }
  /** Credit is in USD: a payment in another currency can only be refunded. */
  | { readonly outcome: 'not_usd'; readonly currency: string }
  | { readonly outcome: 'organization_missing' }
  | { readonly outcome: 'already_decided'; readonly kind: sql.RemedyKind };

/**
 * Stores what an operator decided, in the transaction that also notes who it was. A worker carries
 * it out. The eight facts stay the door of every other payment: here a person answers for one.
 */
export async function decideRemedy(tx: Db, decision: Decision): Promise<Decided> {
  const { paymentIntentId, kind, reason, actor } = decision;
  const [waiting] = await tx.query<Misdirected>(sql.findMisdirected(paymentIntentId));
  const found = waiting ?? decision.outsider;
  if (found === undefined || waiting?.remedyState === 'done') return { outcome: 'unknown_payment' };
  const under = waiting?.remedyState;
  if (under === 'requested' || under === 'pending') {
    return { outcome: 'already_decided', kind: waiting?.remedy ?? kind };
  }
  // A payment may name an organization that is not here, as after a restored backup.
  const named = await existing(tx, found.organizationId);
  const organizationId = decision.organizationId ?? named;
  if (kind === 'credit') {
    if (found.currency !== 'usd') return { outcome: 'not_usd', currency: found.currency };
    if (organizationId === null) return { outcome: 'organization_missing' };
  }
  const back = kind === 'refund' && waiting !== undefined ? named : null;
  // Before any other lock, though it is switched off only if this decision stands.
  if (back !== null) await tx.query(lockSettings(back));
  if (waiting === undefined && decision.outsider !== undefined) {
    await tx.query(insertQuarantined({ ...decision.outsider, organizationId }));
  }
  const [decided] = await tx.query<sql.Remedy>(
    sql.decide(found, { kind, reason, actor, organizationId }),
  );
  if (decided === undefined) return { outcome: 'already_decided', kind: waiting?.remedy ?? kind };
  if (back !== null) {
    const purchaseId = waiting?.purchaseId ?? null;
    await switchOffForRefund(tx, { organizationId: back, purchaseId, actor });
  }
  await enqueue(
    tx,
    REMEDY_TASK,
    { payment_intent_id: paymentIntentId },
    { jobKey: `${REMEDY_TASK}:${paymentIntentId}` },
  );
  return { outcome: 'requested', organizationId };
}

async function existing(db: Db, text: string | null): Promise<OrganizationId | null> {
  const id = text === null ? undefined : parseId('organization', text);
  if (id === undefined || (await readOrganization(db, id)) === undefined) return null;
  return id;
}

export async function readRemedy(db: Db, paymentIntentId: string): Promise<sql.Remedy | undefined> {
  const [remedy] = await db.query<sql.Remedy>(sql.findRemedy(paymentIntentId));
  return remedy;
}
