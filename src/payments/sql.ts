import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId, PurchaseId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { Decline, PurchaseFailure } from '#payments/declines';
import type { PurchaseState } from '#payments/purchase';

export interface Purchase {
  readonly organizationId: OrganizationId;
  readonly id: PurchaseId;
  readonly state: PurchaseState;
  readonly trigger: 'manual' | 'auto_reload';
  readonly credit: NanoUsd;
  readonly tax: NanoUsd;
  readonly total: NanoUsd;
  readonly currency: string;
  readonly provider: string;
  readonly environment: string;
  readonly attempt: number;
  readonly sessionId: string | null;
  readonly sessionExpiresAt: Date;
  readonly consoleUrl: string;
  readonly automaticTax: boolean;
  readonly addressOnFile: boolean;
  /** The customer agreed to the card being kept once it has paid. */
  readonly savesCard: boolean;
  readonly redirectUrl: string | null;
  readonly paymentIntentId: string | null;
  /** The saved card a reload is charged to; null where a person enters one. */
  readonly paymentMethodId: string | null;
  /** Where its receipt goes; null where the processor's page asks, or nobody is to get one. */
  readonly receiptEmail: string | null;
  /** What the tax of a reload was worked out by; null where a page does that, or no tax was asked for. */
  readonly taxCalculation: string | null;
  readonly grantId: GrantId | null;
  readonly failure: PurchaseFailure | null;
  readonly lastDecline: Decline | null;
  readonly receiptUrl: string | null;
  readonly createdAt: Date;
}

const COLUMNS = `
  organization_id AS "organizationId", id, state, trigger, credit_nanos AS credit,
  tax_nanos AS tax, total_nanos AS total, currency, provider, environment, attempt,
  session_id AS "sessionId", session_expires_at AS "sessionExpiresAt",
  console_url AS "consoleUrl", automatic_tax AS "automaticTax", address_on_file AS "addressOnFile",
  saves_card AS "savesCard",
  redirect_url AS "redirectUrl", payment_intent_id AS "paymentIntentId",
  payment_method_id AS "paymentMethodId", receipt_email AS "receiptEmail",
  tax_calculation AS "taxCalculation", grant_id AS "grantId",
  failure, last_decline AS "lastDecline", receipt_url AS "receiptUrl", created_at AS "createdAt"`;

export const findCustomer = (
  organizationId: string,
  provider: string,
  environment: string,
): Statement => ({
  text: `SELECT customer_id AS "customerId" FROM payments.customers
    WHERE organization_id = $1 AND provider = $2 AND environment = $3`,
  values: [organizationId, provider, environment],
});

/** Two processes may learn of the same customer; the first row stays. */
export const insertCustomer = (
  organizationId: string,
  provider: string,
  environment: string,
  customerId: string,
): Statement => ({
  text: `INSERT INTO payments.customers (organization_id, provider, environment, customer_id)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
  values: [organizationId, provider, environment, customerId],
});

export interface Draft {
  readonly organizationId: string;
  readonly id: string;
  readonly trigger: Purchase['trigger'];
  readonly actor: string;
  readonly nonce: string | null;
  readonly credit: NanoUsd;
  readonly provider: string;
  readonly environment: string;
  readonly sessionExpiresAt: Date;
  readonly consoleUrl: string;
  readonly automaticTax: boolean;
  readonly addressOnFile: boolean;
  readonly savesCard?: boolean;
}

/** No row comes back where the form's nonce was used before. A draft is left alone for a minute. */
export const insertDraft = (draft: Draft): Statement => ({
  text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor, nonce,
      credit_nanos, provider, environment, session_expires_at, console_url, automatic_tax,
      address_on_file, saves_card, next_poll_at)
    VALUES ($1, $2, 'draft', $12, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13,
      bursar.real_now() + interval '1 minute')
    ON CONFLICT ON CONSTRAINT one_purchase_per_form DO NOTHING
    RETURNING ${COLUMNS}`,
  values: [
    draft.organizationId,
    draft.id,
    draft.actor,
    draft.nonce,
    draft.credit,
    draft.provider,
    draft.environment,
    draft.sessionExpiresAt,
    draft.consoleUrl,
    draft.automaticTax,
    draft.addressOnFile,
    draft.trigger,
    draft.savesCard === true,
  ],
});

export const findByNonce = (organizationId: string, nonce: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases WHERE organization_id = $1 AND nonce = $2`,
  values: [organizationId, nonce],
});

/** Without an organization only for callers that carry no tenant: operators, hints of ours. */
export const findPurchase = (id: string, organizationId: string | null): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases
    WHERE id = $1 AND ($2::text IS NULL OR organization_id = $2)`,
  values: [id, organizationId],
});

export const lockPurchase = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases
    WHERE organization_id = $1 AND id = $2 FOR UPDATE`,
  values: [organizationId, id],
});

/** For hints that name only a page or a payment. */
export const findByProcessorIds = (
  sessionId: string | null,
  paymentIntentId: string | null,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases
    WHERE session_id = $1 OR payment_intent_id = $2 ORDER BY state = 'credited' DESC LIMIT 1`,
  values: [sessionId, paymentIntentId],
});

export const listPurchases = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases WHERE organization_id = $1
    ORDER BY created_at DESC, id DESC LIMIT $2`,
  values: [organizationId, limit],
});

export const listInStates = (
  organizationId: string,
  states: readonly PurchaseState[],
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.purchases
    WHERE organization_id = $1 AND state = ANY ($2) ORDER BY created_at, id`,
  values: [organizationId, states],
});

/** What a step may change beside the state. A field left out stays as it is. */
export interface Changes {
  readonly sessionId?: string;
  readonly redirectUrl?: string | null;
  readonly paymentIntentId?: string;
  readonly paymentMethodId?: string;
  readonly chargeId?: string | null;
  readonly credit?: NanoUsd;
  readonly chargedAt?: Date;
  readonly tax?: NanoUsd;
  readonly grantId?: string;
  readonly settledVia?: string;
  readonly failure?: PurchaseFailure | null;
  readonly lastDecline?: Decline;
  readonly receiptUrl?: string | null;
}

const CHANGE_COLUMNS: Readonly<Record<keyof Changes, string>> = {
  sessionId: 'session_id',
  redirectUrl: 'redirect_url',
  paymentIntentId: 'payment_intent_id',
  paymentMethodId: 'payment_method_id',
  chargeId: 'charge_id',
  credit: 'credit_nanos',
  chargedAt: 'charged_at',
  tax: 'tax_nanos',
  grantId: 'grant_id',
  settledVia: 'settled_via',
  failure: 'failure',
  lastDecline: 'last_decline',
  receiptUrl: 'receipt_url',
};

const isJson = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !(value instanceof Date);

/** Whatever is settled is not polled any more; after news the next look comes soon. */
export function updatePurchase(
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
  state: PurchaseState,
  changes: Changes,
  polled: boolean,
): Statement {
  const values: unknown[] = [purchase.organizationId, purchase.id, state, polled];
  const sets: string[] = [];
  for (const key of Object.keys(CHANGE_COLUMNS) as (keyof Changes)[]) {
    const value = changes[key];
    if (value === undefined) continue;
    values.push(isJson(value) ? JSON.stringify(value) : value);
    sets.push(`${CHANGE_COLUMNS[key]} = $${values.length}`);
  }
  return {
    text: `UPDATE payments.purchases SET state = $3, updated_at = bursar.now(),
        next_poll_at = CASE WHEN $4
          THEN least(next_poll_at, bursar.real_now() + interval '5 seconds') END,
        settled_at = CASE WHEN $3 = 'credited' THEN bursar.now() ELSE settled_at END
        ${sets.map((set) => `, ${set}`).join('')}
      WHERE organization_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
    values,
  };
}

/** Nobody knows what became of its first call: the poller asks again at its next turn or the one after. */
export const pollWithinASecond = (
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
): Statement => ({
  text: `UPDATE payments.purchases
      SET next_poll_at = least(next_poll_at, bursar.real_now() + interval '1 second')
    WHERE organization_id = $1 AND id = $2 AND state = 'opening' AND polls = 0`,
  values: [purchase.organizationId, purchase.id],
});

/** The first look that found the payment in; and whether that was more than a minute ago. */
export const markSeenPaid = (purchase: Pick<Purchase, 'organizationId' | 'id'>): Statement => ({
  text: `UPDATE payments.purchases SET paid_seen_at = coalesce(paid_seen_at, bursar.real_now())
    WHERE organization_id = $1 AND id = $2
    RETURNING paid_seen_at < bursar.real_now() - interval '1 minute' AS waited`,
  values: [purchase.organizationId, purchase.id],
});

/** Only from the attempt that was seen to be spent: two processes raise it once. */
export const raiseAttempt = (
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'attempt'>,
): Statement => ({
  text: `UPDATE payments.purchases SET attempt = attempt + 1
    WHERE organization_id = $1 AND id = $2 AND attempt = $3 AND state = 'opening'`,
  values: [purchase.organizationId, purchase.id, purchase.attempt],
});

/** The same before any card may have been asked: another process's call goes on under its key. */
export const raiseUnchargedAttempt = (
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'attempt'>,
): Statement => ({
  text: `UPDATE payments.purchases SET attempt = attempt + 1
    WHERE organization_id = $1 AND id = $2 AND attempt = $3 AND state = 'opening'
      AND payment_method_id IS NULL`,
  values: [purchase.organizationId, purchase.id, purchase.attempt],
});

/** What a saved card is charged, and which: said once, before the first call. */
export const keepChargeTerms = (
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
  terms: {
    readonly paymentMethodId: string;
    readonly credit: NanoUsd;
    readonly tax: NanoUsd;
    readonly receiptEmail: string | null;
    readonly calculation: string | null;
  },
): Statement => ({
  text: `UPDATE payments.purchases SET payment_method_id = $3, credit_nanos = $4, tax_nanos = $5,
      receipt_email = $6, tax_calculation = $7, updated_at = bursar.now()
    WHERE organization_id = $1 AND id = $2 AND payment_method_id IS NULL AND state = 'opening'
    RETURNING ${COLUMNS}`,
  values: [
    ...[purchase.organizationId, purchase.id, terms.paymentMethodId, terms.credit, terms.tax],
    ...[terms.receiptEmail, terms.calculation],
  ],
});

/** The same for a request that would live too short, which then is another request. */
export const renewAttempt = (
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'attempt'>,
  sessionExpiresAt: Date,
): Statement => ({
  text: `UPDATE payments.purchases SET attempt = attempt + 1, session_expires_at = $4
    WHERE organization_id = $1 AND id = $2 AND attempt = $3 AND state = 'opening'
    RETURNING ${COLUMNS}`,
  values: [purchase.organizationId, purchase.id, purchase.attempt, sessionExpiresAt],
});

export interface TimelineRow {
  readonly state: PurchaseState;
  readonly at: Date;
  readonly detail: string | null;
}

/** Called with the purchase locked, so the numbers have no gap and no twin. */
export const insertTimeline = (
  purchase: Pick<Purchase, 'organizationId' | 'id'>,
  state: PurchaseState,
  detail: string,
): Statement => ({
  text: `INSERT INTO payments.purchase_timeline (organization_id, purchase_id, seq, state, detail)
    SELECT $1, $2, coalesce(max(seq), 0) + 1, $3, $4 FROM payments.purchase_timeline
     WHERE organization_id = $1 AND purchase_id = $2`,
  values: [purchase.organizationId, purchase.id, state, detail],
});

export const readTimeline = (purchase: Pick<Purchase, 'organizationId' | 'id'>): Statement => ({
  text: `SELECT state, at, detail FROM payments.purchase_timeline
    WHERE organization_id = $1 AND purchase_id = $2 ORDER BY seq`,
  values: [purchase.organizationId, purchase.id],
});

/**
 * A time of the processor's as business time. Its clock knows nothing of the test clock, so what it
 * dates is moved by as much as ours was; and it is never after now, however its clock goes.
 */
export const businessTimeOf = (at: Date): Statement => ({
  text: `SELECT least(bursar.now(), $1::timestamptz + clock_offset) AS at FROM bursar.deployment`,
  values: [at],
});
