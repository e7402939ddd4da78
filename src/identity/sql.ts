import type { Statement } from '#db/pool';

/**
 * Lets one issuer at a time work on an address, so that counting and inserting are one step.
 * The key is a hash: a collision makes two strangers wait for each other, nothing worse.
 */
export const lockIssuing = (subject: string): Statement => ({
  text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 6))',
  values: [`identity.sign_in_links ${subject}`],
});

export interface RecentLinksRow {
  readonly for_email: bigint;
  readonly for_address: bigint;
}

/** How many links were asked for lately, for this mailbox and by this requester. */
export const countRecentLinks = (
  email: string,
  addressDigest: Buffer,
  windowMinutes: number,
): Statement => ({
  text: `SELECT
      (SELECT count(*) FROM identity.sign_in_links WHERE email = $1
        AND address_digest IS NOT NULL
        AND created_at > bursar.real_now() - make_interval(mins => $3)) AS for_email,
      (SELECT count(*) FROM identity.sign_in_links WHERE address_digest = $2
        AND created_at > bursar.real_now() - make_interval(mins => $3)) AS for_address`,
  values: [email, addressDigest, windowMinutes],
});

/** Older links of this mailbox stop working. */
export const voidLinks = (email: string): Statement => ({
  text: `UPDATE identity.sign_in_links SET voided_at = bursar.real_now()
    WHERE email = $1 AND used_at IS NULL AND voided_at IS NULL`,
  values: [email],
});

/** A link nobody can reconstruct from its row. `addressDigest` is null for the operator's. */
export const insertLink = (
  digest: Buffer,
  email: string,
  addressDigest: Buffer | null,
  validMinutes: number,
): Statement => ({
  text: `INSERT INTO identity.sign_in_links (digest, email, address_digest, expires_at)
    VALUES ($1, $2, $3, bursar.real_now() + make_interval(mins => $4)) RETURNING expires_at`,
  values: [digest, email, addressDigest, validMinutes],
});

/** Spends a link. The row is the arbiter: of two at once, the second sees it used. */
export const useLink = (digest: Buffer): Statement => ({
  text: `UPDATE identity.sign_in_links SET used_at = bursar.real_now()
    WHERE digest = $1 AND used_at IS NULL AND voided_at IS NULL
      AND expires_at > bursar.real_now()
    RETURNING email`,
  values: [digest],
});

/**
 * Links are of no use after their limits' window; a day keeps them for an investigation. A few at
 * a time, past rows another request is removing: housekeeping never makes a person wait.
 */
export const deleteOldLinks = (): Statement => ({
  text: `DELETE FROM identity.sign_in_links WHERE digest IN (
    SELECT digest FROM identity.sign_in_links
    WHERE created_at < bursar.real_now() - interval '1 day'
    LIMIT 100 FOR UPDATE SKIP LOCKED)`,
});

/** A new session. */
export const insertSession = (
  digest: Buffer,
  userId: string,
  organizationId: string | null,
  days: number,
): Statement => ({
  text: `INSERT INTO identity.sessions (digest, user_id, organization_id, expires_at)
    VALUES ($1, $2, $3, bursar.real_now() + make_interval(days => $4))`,
  values: [digest, userId, organizationId, days],
});

export interface SessionRow {
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly stale: boolean;
  readonly fresh: boolean;
}

/**
 * A session that still holds. `stale` if its use has not been noted for five minutes; `fresh` if it
 * began within so many hours, however much it was used since.
 */
export const selectSession = (digest: Buffer, freshHours: number): Statement => ({
  name: 'identity_session',
  text: `SELECT user_id, organization_id,
      last_seen_at < bursar.real_now() - interval '5 minutes' AS stale,
      created_at > bursar.real_now() - make_interval(hours => $2) AS fresh
    FROM identity.sessions
    WHERE digest = $1 AND revoked_at IS NULL AND expires_at > bursar.real_now()`,
  values: [digest, freshHours],
});

/** Slides the end. Never brings back a session that was revoked meanwhile. */
export const touchSession = (digest: Buffer, days: number): Statement => ({
  text: `UPDATE identity.sessions SET last_seen_at = bursar.real_now(),
      expires_at = bursar.real_now() + make_interval(days => $2)
    WHERE digest = $1 AND revoked_at IS NULL`,
  values: [digest, days],
});

/** Remembers which organization is being looked at. */
export const updateSessionOrganization = (digest: Buffer, organizationId: string): Statement => ({
  text: 'UPDATE identity.sessions SET organization_id = $2 WHERE digest = $1',
  values: [digest, organizationId],
});

/** Ends one session. */
export const revokeSession = (digest: Buffer): Statement => ({
  text: `UPDATE identity.sessions SET revoked_at = bursar.real_now()
    WHERE digest = $1 AND revoked_at IS NULL RETURNING user_id`,
  values: [digest],
});

/** Ends all of a person. */
export const revokeSessionsOf = (userId: string): Statement => ({
  text: `UPDATE identity.sessions SET revoked_at = bursar.real_now()
    WHERE user_id = $1 AND revoked_at IS NULL`,
  values: [userId],
});

/** Ended sessions are kept a month for an investigation, then removed a few at a time. */
export const deleteOldSessions = (): Statement => ({
  text: `DELETE FROM identity.sessions WHERE digest IN (
    SELECT digest FROM identity.sessions
    WHERE expires_at < bursar.real_now() - interval '30 days'
    LIMIT 100 FOR UPDATE SKIP LOCKED)`,
});

/** One line of who did what. */
export const insertAuditEvent = (event: {
  organizationId: string | null;
  actor: string;
  action: string;
  subject: string;
  reason?: string;
  requestId: string | null;
}): Statement => ({
  text: `INSERT INTO identity.audit_events (organization_id, actor, action, subject, reason, request_id)
    VALUES ($1, $2, $3, $4, $5, $6)`,
  values: [
    event.organizationId,
    event.actor,
    event.action,
    event.subject,
    event.reason ?? null,
    event.requestId,
  ],
});
