import type { Statement } from '#db/pool';
import type { PurchaseFailure } from '#payments/declines';

export interface SetupRow {
  readonly organizationId: string;
  readonly id: string;
  readonly state: 'opening' | 'open' | 'saved' | 'refused' | 'expired';
  readonly consentVersion: string;
  readonly consentedAt: Date;
  readonly consentedBy: string;
  readonly replacesCardId: string | null;
  readonly consoleUrl: string;
  /** The purchase whose card it is about; null where a card is saved by itself. */
  readonly purchaseId: string | null;
  readonly sessionId: string | null;
  readonly redirectUrl: string | null;
  readonly cardId: string | null;
  readonly failure: PurchaseFailure | null;
}

const COLUMNS = `organization_id AS "organizationId", id, state,
  consent_version AS "consentVersion", consented_at AS "consentedAt",
  consented_by AS "consentedBy", purchase_id AS "purchaseId",
  replaces_card_id AS "replacesCardId", console_url AS "consoleUrl", session_id AS "sessionId",
  redirect_url AS "redirectUrl", card_id AS "cardId", failure`;

export interface NewSetup {
  readonly organizationId: string;
  readonly id: string;
  readonly provider: string;
  readonly environment: string;
  readonly nonce: string;
  readonly consentVersion: string;
  readonly consentedBy: string;
  readonly consentedIp: string;
  readonly replacesCardId: string | null;
  readonly consoleUrl: string;
  readonly purchaseId?: string;
}

/** The consent is proof from this moment on, whatever becomes of the card. */
export const insertSetup = (setup: NewSetup): Statement => ({
  text: `INSERT INTO payments.card_setups (organization_id, id, state, provider, environment, nonce,
      consent_version, consented_by, consented_ip, replaces_card_id, console_url, purchase_id)
    VALUES ($1, $2, 'opening', $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT ON CONSTRAINT one_setup_per_form DO NOTHING
    RETURNING ${COLUMNS}`,
  values: [
    setup.organizationId,
    setup.id,
    setup.provider,
    setup.environment,
    setup.nonce,
    setup.consentVersion,
    setup.consentedBy,
    setup.consentedIp,
    setup.replacesCardId,
    setup.consoleUrl,
    setup.purchaseId ?? null,
  ],
});

export const findSetupByNonce = (organizationId: string, nonce: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.card_setups WHERE organization_id = $1 AND nonce = $2`,
  values: [organizationId, nonce],
});

export const findSetup = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.card_setups WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id],
});

export const findSetupOfPurchase = (organizationId: string, purchaseId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.card_setups
    WHERE organization_id = $1 AND purchase_id = $2`,
  values: [organizationId, purchaseId],
});

/** For news of the processor that name only the page. */
export const findSetupBySession = (
  sessionId: string,
  provider: string,
  environment: string,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.card_setups
    WHERE session_id = $1 AND provider = $2 AND environment = $3`,
  values: [sessionId, provider, environment],
});

/** Purchases that are paid and whose card is not saved yet, though that was agreed to. */
export const cardsToKeep = (organizationId: string, most: number): Statement => ({
  text: `SELECT s.purchase_id AS "purchaseId" FROM payments.card_setups s
    JOIN payments.purchases p ON p.organization_id = s.organization_id AND p.id = s.purchase_id
    WHERE s.organization_id = $1 AND s.state = 'opening' AND p.state = 'credited'
      AND p.settled_at > bursar.now() - interval '2 days'
    ORDER BY p.settled_at, p.id LIMIT $2`,
  values: [organizationId, most],
});

/** Oldest first: the card that was saved first is the one that becomes the default. */
export const openSetups = (organizationId: string, most: number): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.card_setups
    WHERE organization_id = $1 AND state IN ('open', 'refused') AND session_id IS NOT NULL
      AND updated_at > bursar.now() - interval '2 days'
    ORDER BY consented_at, id LIMIT $2`,
  values: [organizationId, most],
});

export interface SetupChange {
  readonly state: SetupRow['state'];
  readonly sessionId: string | null;
  readonly redirectUrl: string | null;
  readonly cardId: string | null;
  readonly failure: PurchaseFailure | null;
}

/** A saved or expired one stays what it is. */
export const changeSetup = (
  organizationId: string,
  id: string,
  change: SetupChange,
): Statement => ({
  text: `UPDATE payments.card_setups SET state = $3, session_id = coalesce($4, session_id),
      redirect_url = $5, card_id = $6, failure = $7, updated_at = bursar.now()
    WHERE organization_id = $1 AND id = $2 AND state NOT IN ('saved', 'expired')
    RETURNING ${COLUMNS}`,
  values: [
    organizationId,
    id,
    change.state,
    change.sessionId,
    change.redirectUrl,
    change.cardId,
    change.failure === null ? null : JSON.stringify(change.failure),
  ],
});
