import type { Statement } from '#db/pool';
import type { KeyMove, KeyStatus } from '#orgs/key-states';
import type { LimitAction, LimitLevel } from '#orgs/spend-limits';

export interface OrganizationRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly tier: string | null;
  readonly workspace_id: string;
  readonly created_at: Date;
}

export interface MembershipRow {
  readonly organization_id: string;
  readonly organization_name: string;
  readonly role: string;
}

export interface ApiKeyRow {
  readonly organization_id: string;
  readonly id: string;
  readonly workspace_id: string;
  readonly kind: 'workspace' | 'admin';
  readonly name: string;
  readonly hint: string;
  readonly status: KeyStatus;
  readonly created_at: Date;
  readonly expires_at: Date | null;
}

/** A new customer. */
export const insertOrganization = (id: string, name: string): Statement => ({
  text: `INSERT INTO orgs.organizations (id, name, status, billing_kind, created_at)
    VALUES ($1, $2, 'active', 'prepaid', bursar.now())`,
  values: [id, name],
});

/** The workspace every organization starts with. */
export const insertDefaultWorkspace = (organizationId: string, id: string): Statement => ({
  text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default, created_at)
    VALUES ($1, $2, 'Default', true, bursar.now())`,
  values: [organizationId, id],
});

/** Limits a workspace to so much of one kind a minute; NULL lifts that limit. */
export const updateWorkspaceRateLimit = (
  organizationId: string,
  workspaceId: string,
  [classId, kind]: readonly [string, string],
  perMinute: number | null,
): Statement => ({
  text: `UPDATE orgs.workspaces SET rate_limits = CASE
        WHEN $5::bigint IS NULL THEN rate_limits #- ARRAY[$3, $4]
        ELSE coalesce(rate_limits, '{}') || jsonb_build_object($3::text,
          coalesce(rate_limits -> $3::text, '{}') || jsonb_build_object($4::text, $5::bigint)) END
    WHERE organization_id = $1 AND id = $2 RETURNING rate_limits`,
  values: [organizationId, workspaceId, classId, kind, perMinute],
});

/** Workspaces of an organization with the rate limits they have of their own. */
export const selectWorkspaceRateLimits = (organizationId: string): Statement => ({
  text: `SELECT id, rate_limits FROM orgs.workspaces
    WHERE organization_id = $1 AND rate_limits IS NOT NULL ORDER BY id`,
  values: [organizationId],
});

/** Finds the default workspace, where keys go unless said otherwise. */
export const selectDefaultWorkspace = (organizationId: string): Statement => ({
  text: 'SELECT id FROM orgs.workspaces WHERE organization_id = $1 AND is_default',
  values: [organizationId],
});

export const selectWorkspace = (organizationId: string, id: string): Statement => ({
  text: 'SELECT id FROM orgs.workspaces WHERE organization_id = $1 AND id = $2',
  values: [organizationId, id],
});

const ORGANIZATION_COLUMNS = `o.id, o.name, o.status, o.tier, o.created_at,
  (SELECT w.id FROM orgs.workspaces w WHERE w.organization_id = o.id AND w.is_default) AS workspace_id`;

/** One organization. */
export const selectOrganization = (id: string): Statement => ({
  text: `SELECT ${ORGANIZATION_COLUMNS} FROM orgs.organizations o WHERE o.id = $1`,
  values: [id],
});

/** Organizations, oldest first, up to a bound. */
export const selectOrganizations = (limit: number): Statement => ({
  text: `SELECT ${ORGANIZATION_COLUMNS} FROM orgs.organizations o
    ORDER BY o.created_at, o.id LIMIT $1`,
  values: [limit],
});

/** Suspends or resumes. */
export const updateOrganizationStatus = (id: string, status: string): Statement => ({
  text: `UPDATE orgs.organizations o SET status = $2 WHERE o.id = $1
    RETURNING ${ORGANIZATION_COLUMNS}`,
  values: [id, status],
});

/** A row comes back only where that changed something. */
export const moveOrganizationStatus = (id: string, status: string): Statement => ({
  text: 'UPDATE orgs.organizations SET status = $2 WHERE id = $1 AND status <> $2 RETURNING id',
  values: [id, status],
});

/** How much an organization has held for a stream before it begins. */
export const selectHoldPolicy = (id: string): Statement => ({
  text: 'SELECT hold_policy FROM orgs.organizations WHERE id = $1',
  values: [id],
});

/** Changes it. */
export const updateHoldPolicy = (id: string, policy: string): Statement => ({
  text: 'UPDATE orgs.organizations SET hold_policy = $2 WHERE id = $1 RETURNING hold_policy',
  values: [id, policy],
});

/** Puts into a tier; NULL for the standard one. */
export const updateOrganizationTier = (id: string, tier: string | null): Statement => ({
  text: `UPDATE orgs.organizations o SET tier = $2 WHERE o.id = $1
    RETURNING ${ORGANIZATION_COLUMNS}`,
  values: [id, tier],
});

/** The person with this address, made if new. DO UPDATE so that the row is always returned. */
export const upsertUser = (id: string, email: string): Statement => ({
  text: `INSERT INTO orgs.users (id, email, created_at) VALUES ($1, $2, bursar.now())
    ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email
    RETURNING id, email`,
  values: [id, email],
});

/** One person. */
export const selectUser = (id: string): Statement => ({
  text: 'SELECT id, email FROM orgs.users WHERE id = $1',
  values: [id],
});

/** The people of these ids, whether they are members of anything still or not. */
export const selectUsers = (ids: readonly string[]): Statement => ({
  text: 'SELECT id, email FROM orgs.users WHERE id = ANY ($1)',
  values: [ids],
});

/** Makes a person a member, or changes what the member is. */
export const upsertMember = (organizationId: string, userId: string, role: string): Statement => ({
  text: `INSERT INTO orgs.members (organization_id, user_id, role, added_at)
    VALUES ($1, $2, $3, bursar.now())
    ON CONFLICT (organization_id, user_id) DO UPDATE SET role = EXCLUDED.role`,
  values: [organizationId, userId, role],
});

/** What a person belongs to, oldest membership first. */
export const selectMemberships = (userId: string): Statement => ({
  text: `SELECT m.organization_id, o.name AS organization_name, m.role
    FROM orgs.members m JOIN orgs.organizations o ON o.id = m.organization_id
    WHERE m.user_id = $1 ORDER BY m.added_at, m.organization_id`,
  values: [userId],
});

/** A key's record; its text is in no column. */
export const insertApiKey = (key: {
  organizationId: string;
  id: string;
  workspaceId: string;
  kind: string;
  name: string;
  hint: string;
  createdBy: string | null;
  expiresAt: Date | null;
}): Statement => ({
  text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint, status,
      created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, bursar.now(), $8)
    RETURNING id, created_at`,
  values: [
    key.organizationId,
    key.id,
    key.workspaceId,
    key.kind,
    key.name,
    key.hint,
    key.createdBy,
    key.expiresAt,
  ],
});

/** The directory entry by which a presented key is found. */
export const insertKeyDigest = (
  digest: Buffer,
  pepperVersion: number,
  organizationId: string,
  apiKeyId: string,
): Statement => ({
  text: `INSERT INTO orgs.key_digests (digest, pepper_version, organization_id, api_key_id)
    VALUES ($1, $2, $3, $4)`,
  values: [digest, pepperVersion, organizationId, apiKeyId],
});

const KEY_STATUS = `CASE WHEN status <> 'revoked' AND expires_at <= bursar.now()
  THEN 'expired' ELSE status END`;
const KEY_COLUMNS = `organization_id, id, workspace_id, kind, name, hint, created_at, expires_at,
  ${KEY_STATUS} AS status`;

/** An organization's keys, newest first, up to a bound. */
export const selectApiKeys = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${KEY_COLUMNS} FROM orgs.api_keys WHERE organization_id = $1
    ORDER BY created_at DESC, id DESC LIMIT $2`,
  values: [organizationId, limit],
});

/** One key, of the kind if one is given. */
export const selectApiKey = (
  organizationId: string,
  id: string,
  kind: string | null,
): Statement => ({
  text: `SELECT ${KEY_COLUMNS} FROM orgs.api_keys
    WHERE organization_id = $1 AND id = $2 AND ($3::text IS NULL OR kind = $3)`,
  values: [organizationId, id, kind],
});

/** How many keys work or can be made to work: the bound on creating more. */
export const countUsableApiKeys = (organizationId: string): Statement => ({
  text: `SELECT count(*) AS usable FROM orgs.api_keys
    WHERE organization_id = $1 AND status <> 'revoked'
      AND (expires_at IS NULL OR expires_at > bursar.now())`,
  values: [organizationId],
});

/** Moves a key if it is in one of the states it may leave; otherwise there is no row. */
export const updateKeyStatus = (
  organizationId: string,
  id: string,
  kind: string | null,
  { from, to }: KeyMove,
): Statement => ({
  text: `UPDATE orgs.api_keys
    SET status = $5, revoked_at = CASE WHEN $5 = 'revoked' THEN bursar.now() END
    WHERE organization_id = $1 AND id = $2 AND ($3::text IS NULL OR kind = $3)
      AND ${KEY_STATUS} = ANY ($4)
    RETURNING ${KEY_COLUMNS}`,
  values: [organizationId, id, kind, from, to],
});

/** Renames a key, whatever its state. */
export const updateKeyName = (organizationId: string, id: string, name: string): Statement => ({
  text: `UPDATE orgs.api_keys SET name = $3 WHERE organization_id = $1 AND id = $2
    RETURNING ${KEY_COLUMNS}`,
  values: [organizationId, id, name],
});

/** Whose key an id is: for the operator, who names a key without its organization. */
export const selectKeyOwner = (id: string): Statement => ({
  text: 'SELECT organization_id FROM orgs.api_keys WHERE id = $1',
  values: [id],
});

/** The gateway's question, asked for every key in use about once a second: prepared. */
export const selectKeysByDigest = (digests: readonly Buffer[]): Statement => ({
  name: 'orgs_keys_by_digest',
  text: `SELECT d.digest, k.organization_id, k.workspace_id, k.id AS api_key_id, k.kind,
      CASE WHEN k.status <> 'revoked' AND k.expires_at <= bursar.now() THEN 'expired'
        ELSE k.status END AS status,
      o.status AS organization_status, o.hold_policy, o.tier, w.rate_limits,
      (SELECT amount_nanos FROM orgs.spend_limits l WHERE l.organization_id = o.id
          AND level = 'tier' AND subject_id = o.id) AS tier_cap
    FROM orgs.key_digests d
    JOIN orgs.api_keys k ON k.organization_id = d.organization_id AND k.id = d.api_key_id
    JOIN orgs.organizations o ON o.id = d.organization_id
    JOIN orgs.workspaces w ON w.organization_id = k.organization_id AND w.id = k.workspace_id
    WHERE d.digest = ANY ($1::bytea[])`,
  values: [digests],
});

export interface SpendLimitRow {
  readonly level: LimitLevel;
  readonly subject_id: string;
  readonly amount_nanos: bigint;
  readonly action: LimitAction;
  readonly month: string;
  readonly charged_nanos: bigint;
  readonly held_nanos: bigint;
  readonly reached_at: Date | null;
  readonly set_by: string;
  readonly set_at: Date;
}

/** Limits of an organization, widest first; a month that is over counts nothing any more. */
export const selectSpendLimits = (organizationId: string): Statement => ({
  text: `SELECT level, subject_id, amount_nanos, action, now.month::text AS month,
                CASE WHEN l.month = now.month THEN charged_nanos ELSE 0 END AS charged_nanos,
                CASE WHEN l.month = now.month THEN held_nanos ELSE 0 END AS held_nanos,
                CASE WHEN l.month = now.month THEN reached_at END AS reached_at, set_by, set_at
           FROM orgs.spend_limits l, (SELECT orgs.month_of(bursar.now()) AS month) AS now
          WHERE organization_id = $1
          ORDER BY array_position('{tier,organization,workspace,api_key}', level::text), subject_id`,
  values: [organizationId],
});
