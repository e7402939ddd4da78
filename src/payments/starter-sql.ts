import type { Statement } from '#db/pool';
import type { NanoUsd } from '#kernel/money';

export interface StarterRow {
  readonly grantId: string;
  readonly cardId: string;
  readonly amount: bigint;
  readonly givenAt: Date;
}

export const findStarter = (organizationId: string): Statement => ({
  text: `SELECT grant_id AS "grantId", card_id AS "cardId", amount_nanos AS amount,
      given_at AS "givenAt"
    FROM payments.starter_credits WHERE organization_id = $1`,
  values: [organizationId],
});

/** Which of these are used up. */
export const usedUp = (digests: readonly Buffer[]): Statement => ({
  text: 'SELECT digest FROM payments.starter_claims WHERE digest = ANY ($1)',
  values: [digests],
});

/** Whoever asks for the same mailbox, card or organization waits until the one before decided. */
export const lockClaim = (subject: string): Statement => ({
  text: `SELECT pg_advisory_xact_lock(hashtextextended('payments.starter ' || $1, 0))`,
  values: [subject],
});

/** Business time, to the millisecond as times are told. */
export const starterEnd = (days: number): Statement => ({
  text: `SELECT date_trunc('milliseconds', bursar.now()) + make_interval(days => $1) AS until`,
  values: [days],
});

export const insertStarter = (given: {
  readonly organizationId: string;
  readonly userId: string;
  readonly cardId: string;
  readonly grantId: string;
  readonly amount: NanoUsd;
}): Statement => ({
  text: `INSERT INTO payments.starter_credits
      (organization_id, user_id, card_id, grant_id, amount_nanos)
    VALUES ($1, $2, $3, $4, $5)`,
  values: [given.organizationId, given.userId, given.cardId, given.grantId, given.amount],
});

export const insertClaim = (
  digest: Buffer,
  kind: 'email' | 'card',
  organizationId: string,
): Statement => ({
  text: `INSERT INTO payments.starter_claims (digest, kind, organization_id) VALUES ($1, $2, $3)`,
  values: [digest, kind, organizationId],
});
