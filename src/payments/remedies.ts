import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { switchOffForRefund } from '#payments/reload-refund';
import * as sql from '#payments/remedies-sql';

/** Carries out what an operator decided about a quarantined payment. */
export const REMEDY_TASK = 'payments.remedy';

export type Misdirected = sql.MisdirectedRow;

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
  const [found] = await tx.query<Misdirected>(sql.findMisdirected(paymentIntentId));
  if (found === undefined || found.remedyState === 'done') return { outcome: 'unknown_payment' };
  const organizationId = decision.organizationId ?? found.organizationId;
  if (kind === 'credit') {
    if (found.currency !== 'usd') return { outcome: 'not_usd', currency: found.currency };
    if (organizationId === null) return { outcome: 'organization_missing' };
  }
  if (kind === 'refund' && found.organizationId !== null) {
    const { organizationId: payer, purchaseId } = found;
    await switchOffForRefund(tx, { organizationId: payer, purchaseId, actor });
  }
  const [decided] = await tx.query<sql.Remedy>(
    sql.decide(found, { kind, reason, actor, organizationId }),
  );
  if (decided === undefined) return { outcome: 'already_decided', kind: found.remedy ?? kind };
  await enqueue(
    tx,
    REMEDY_TASK,
    { payment_intent_id: paymentIntentId },
    { jobKey: `${REMEDY_TASK}:${paymentIntentId}` },
  );
  return { outcome: 'requested', organizationId };
}

export async function readRemedy(db: Db, paymentIntentId: string): Promise<sql.Remedy | undefined> {
  const [remedy] = await db.query<sql.Remedy>(sql.findRemedy(paymentIntentId));
  return remedy;
}
