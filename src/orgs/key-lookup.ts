import type { Db } from '#db/pool';
import { type NanoUsd, nanos } from '#kernel/money';
import type { KeyKind } from '#orgs/api-keys';
import { type HoldPolicy, holdPolicyOf } from '#orgs/hold-policy';
import type { KeyStatus } from '#orgs/key-states';
import { selectKeysByDigest } from './sql.ts';

export interface FoundKey {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly apiKeyId: string;
  readonly kind: KeyKind;
  readonly status: KeyStatus;
  readonly organizationStatus: 'active' | 'suspended';
  /** How much is held for its streams before they begin; absent for `auto`. */
  readonly holdPolicy?: HoldPolicy;
  /** Null or absent: the standard tier. */
  readonly tier?: string | null;
  /** What its tier lets it spend a month, as it is enforced now; null or absent if nothing is. */
  readonly tierCap?: NanoUsd | null;
  /** Rate limits of its workspace, as stored; what they mean is for rate-limits to say. */
  readonly workspaceLimits?: unknown;
}

interface FoundKeyRow {
  readonly digest: Buffer;
  readonly organization_id: string;
  readonly workspace_id: string;
  readonly api_key_id: string;
  readonly kind: KeyKind;
  readonly status: KeyStatus;
  readonly organization_status: FoundKey['organizationStatus'];
  readonly hold_policy: string;
  readonly tier: string | null;
  readonly tier_cap: bigint | null;
  readonly rate_limits: unknown;
}

/**
 * Whose keys these digests are, in their order; undefined where there is none. Indexed equality on
 * a keyed digest: an attacker cannot steer the comparison, so its timing tells nothing about any
 * stored key.
 */
export async function findKeys(
  db: Db,
  digests: readonly Buffer[],
): Promise<(FoundKey | undefined)[]> {
  const rows = await db.query<FoundKeyRow>(selectKeysByDigest(digests));
  const found = new Map(rows.map((row) => [row.digest.toString('latin1'), foundKey(row)]));
  return digests.map((digest) => found.get(digest.toString('latin1')));
}

const foundKey = (row: FoundKeyRow): FoundKey => ({
  organizationId: row.organization_id,
  workspaceId: row.workspace_id,
  apiKeyId: row.api_key_id,
  kind: row.kind,
  status: row.status,
  organizationStatus: row.organization_status,
  holdPolicy: holdPolicyOf(row.hold_policy),
  tier: row.tier,
  tierCap: row.tier_cap === null ? null : nanos(row.tier_cap),
  workspaceLimits: row.rate_limits,
});
