import type { Db } from '#db/pool';
import type { KeyKind } from '#orgs/api-keys';
import { selectKeyByDigest } from './sql.ts';

export interface FoundKey {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly apiKeyId: string;
  readonly kind: KeyKind;
  readonly status: 'active' | 'revoked' | 'expired';
  readonly organizationStatus: 'active' | 'suspended';
}

interface FoundKeyRow {
  readonly organization_id: string;
  readonly workspace_id: string;
  readonly api_key_id: string;
  readonly kind: KeyKind;
  readonly status: FoundKey['status'];
  readonly organization_status: FoundKey['organizationStatus'];
}

/**
 * Whose key this digest is. Indexed equality on a keyed digest: an attacker cannot steer the
 * comparison, so its timing tells nothing about any stored key.
 */
export async function findKey(db: Db, digest: Buffer): Promise<FoundKey | undefined> {
  const [row] = await db.query<FoundKeyRow>(selectKeyByDigest(digest));
  if (row === undefined) return undefined;
  return {
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    apiKeyId: row.api_key_id,
    kind: row.kind,
    status: row.status,
    organizationStatus: row.organization_status,
  };
}
