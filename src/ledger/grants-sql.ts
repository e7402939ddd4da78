import type { Statement } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import type { GrantKind, GrantRequest } from '#ledger/grants';
import type { Line } from '#ledger/templates';

export interface GrantTerms {
  readonly id: GrantId;
  readonly granted_at: Date;
  readonly expires_at: Date;
}

/** Opens an empty grant. Its source must not have made one before. */
export const openGrant = (g: GrantRequest): Statement => ({
  text: `INSERT INTO ledger.grants (organization_id, id, kind, amount_nanos, tax_nanos, source,
           reason, granted_at, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, at, coalesce($9, bursar.one_year_after(at))
           FROM (SELECT coalesce($8, bursar.now()) AS at) AS happened
         RETURNING id, granted_at, expires_at`,
  values: [
    g.organizationId,
    g.grantId,
    g.kind,
    g.amount,
    g.tax ?? 0n,
    g.source,
    g.reason ?? null,
    g.happenedAt ?? null,
    g.expiresAt ?? null,
  ],
});

export interface EarlierGrant extends GrantTerms {
  readonly repaid_nanos: bigint;
}

/** The grant a source has made, and what it repaid when it was booked under `reference`. */
export const grantBySource = (
  organizationId: OrganizationId,
  source: string,
  reference: string,
): Statement => ({
  text: `SELECT id, granted_at, expires_at,
                (SELECT coalesce(sum(e.amount_nanos), 0)::bigint FROM ledger.entries e
                  WHERE e.organization_id = $1 AND e.reference = $3 AND e.reason = 'debt.repaid'
                    AND e.from_account = 'grant:' || g.id) AS repaid_nanos
           FROM ledger.grants g WHERE organization_id = $1 AND source = $2`,
  values: [organizationId, source, reference],
});

export interface PositionRow {
  readonly debt_nanos: bigint;
  readonly credit_nanos: string;
}

/** What one organization has that could still become spendable, and what it owes. */
export const position = (organizationId: OrganizationId): Statement => ({
  text: `SELECT -b.customer_debt_nanos AS debt_nanos,
                (b.dispute_frozen_nanos
                 + coalesce((SELECT sum(g.remaining_nanos) FROM ledger.grants g
                             WHERE g.organization_id = $1 AND NOT g.exhausted), 0))::text
                  AS credit_nanos
           FROM ledger.books b WHERE b.organization_id = $1`,
  values: [organizationId],
});

export interface GrantRow {
  readonly kind: GrantKind;
  readonly amount_nanos: bigint;
  readonly tax_nanos: bigint;
  readonly remaining_nanos: bigint;
  readonly available_nanos: bigint;
  readonly expired: boolean;
  readonly stopped: boolean;
  readonly voided: boolean;
  readonly frozen_by: string | null;
  readonly expired_nanos: bigint;
  readonly refunded_nanos: bigint;
  readonly refunded_tax_nanos: bigint;
  readonly seized_nanos: bigint;
  readonly debt_nanos: bigint;
  readonly breakage_nanos: bigint;
  readonly seized_tax_nanos: bigint;
}

/**
 * Everything that has become of one grant. Ask it in a statement after the one that locked the
 * book: decisions are made by it, and only then is `bursar.now()` later than every promise.
 */
export const grantFacts = (organizationId: OrganizationId, grantId: string): Statement => ({
  text: `WITH refunded AS (SELECT coalesce(sum(amount_nanos), 0)::bigint AS amount,
                             coalesce(sum(tax_nanos), 0)::bigint AS tax
                        FROM ledger.refunds
                       WHERE organization_id = $1 AND grant_id = $2 AND state <> 'failed'),
         disputed AS (SELECT coalesce(sum(seized_nanos), 0)::bigint AS seized,
                             coalesce(sum(debt_nanos), 0)::bigint AS debt,
                             coalesce(sum(breakage_nanos), 0)::bigint AS breakage,
                             coalesce(sum(tax_nanos), 0)::bigint AS tax,
                             max(reference) FILTER (WHERE state = 'frozen') AS frozen_by
                        FROM ledger.freezes WHERE organization_id = $1 AND grant_id = $2)
         SELECT g.kind, g.amount_nanos, g.tax_nanos, g.remaining_nanos,
                ledger.available($1, b.held_nanos, bursar.now()) AS available_nanos,
                g.expires_at <= bursar.now() AS expired, g.stopped_at IS NOT NULL AS stopped,
                g.voided_at IS NOT NULL AS voided, disputed.frozen_by,
                (SELECT coalesce(sum(e.amount_nanos), 0)::bigint FROM ledger.entries e
                  WHERE e.organization_id = $1 AND e.reference = 'expiry:' || $2::text
                    AND e.reason = 'credit.expire') AS expired_nanos,
                refunded.amount AS refunded_nanos, refunded.tax AS refunded_tax_nanos,
                disputed.seized AS seized_nanos, disputed.debt AS debt_nanos,
                disputed.breakage AS breakage_nanos, disputed.tax AS seized_tax_nanos
           FROM ledger.books b
           JOIN ledger.grants g ON g.organization_id = b.organization_id
          CROSS JOIN refunded CROSS JOIN disputed
          WHERE b.organization_id = $1 AND g.id = $2`,
  values: [organizationId, grantId],
});

/** Writes one transaction that happens now, with the book locked. */
export const postNow = (
  organizationId: OrganizationId,
  reference: string,
  lines: readonly Line[],
): Statement => ({
  text: 'SELECT ledger.post($1, $2, $3, $4, $5, $6, bursar.now(), bursar.now())',
  values: [
    organizationId,
    reference,
    lines.map((l) => l.reason),
    lines.map((l) => l.from),
    lines.map((l) => l.to),
    lines.map((l) => l.amount),
  ],
});

/** From now on nothing of the grant is promised any more. */
export const stopGrant = (organizationId: OrganizationId, grantId: string): Statement => ({
  text: 'SELECT ledger.stop_grant($1, $2)',
  values: [organizationId, grantId],
});

/** The grant may be used again, unless it has expired. */
export const resumeGrant = (organizationId: OrganizationId, grantId: string): Statement => ({
  text: `UPDATE ledger.grants SET stopped_at = NULL WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, grantId],
});

/** The book's sums follow what was changed of its grants. */
export const countGrants = (organizationId: OrganizationId): Statement => ({
  text: 'SELECT ledger.count_grants($1, bursar.now())',
  values: [organizationId],
});

export const markVoided = (
  organizationId: OrganizationId,
  grantId: string,
  reason: string,
): Statement => ({
  text: `UPDATE ledger.grants SET voided_at = stopped_at, void_reason = $3
          WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, grantId, reason],
});

/** Books what is left of the organizations of the `limit` grants that stopped first. */
export const bookStopped = (limit: number): Statement => ({
  text: 'SELECT ledger.book_stopped_everywhere($1) AS changed',
  values: [limit],
});

export const expiryOf = (organizationId: OrganizationId, grantId: GrantId): Statement => ({
  text: 'SELECT expires_at FROM ledger.grants WHERE organization_id = $1 AND id = $2',
  values: [organizationId, grantId],
});
