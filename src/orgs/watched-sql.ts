import type { Statement } from '#db/pool';

export const selectMembers = (organizationId: string): Statement => ({
  text: `SELECT u.email, m.role FROM orgs.members m JOIN orgs.users u ON u.id = m.user_id
    WHERE m.organization_id = $1 ORDER BY m.added_at, u.email`,
  values: [organizationId],
});

/** Keys that work and end within so many days, and were given more than that when they were made. */
export const selectEndingKeys = (days: number): Statement => ({
  text: `SELECT organization_id AS "organizationId", id, name, hint, expires_at AS "expiresAt"
    FROM orgs.api_keys
    WHERE status = 'active' AND expires_at > bursar.now()
      AND expires_at <= bursar.now() + make_interval(days => $1)
      AND created_at <= expires_at - make_interval(days => $1)`,
  values: [days],
});

/** Limits of this month of which the first of the steps (in percent), or more, is charged. */
export const selectSteppedLimits: Statement = {
  text: `SELECT l.organization_id AS "organizationId", l.level, l.subject_id AS "subjectId",
      coalesce(w.name, k.name, o.name) AS name, l.amount_nanos AS amount,
      l.charged_nanos AS charged, l.action, l.month::text AS month,
      orgs.month_after(bursar.now()) AS "resetsAt"
    FROM orgs.spend_limits l
    JOIN orgs.organizations o ON o.id = l.organization_id
    LEFT JOIN orgs.workspaces w ON w.organization_id = l.organization_id AND w.id = l.subject_id
    LEFT JOIN orgs.api_keys k ON k.organization_id = l.organization_id AND k.id = l.subject_id
    WHERE l.month = orgs.month_of(bursar.now()) AND l.amount_nanos > 0 AND l.charged_nanos > 0
      AND l.charged_nanos >= l.amount_nanos / 100
    ORDER BY l.organization_id, l.level, l.subject_id`,
};
