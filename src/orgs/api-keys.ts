import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Db } from '#db/pool';
import { type ApiKeyId, type Entropy, newId } from '#kernel/ids';
import {
  type ApiKeyRow,
  countActiveApiKeys,
  insertApiKey,
  insertKeyDigest,
  revokeKey,
  selectApiKeys,
  selectKeyOwner,
} from './sql.ts';

export type KeyKind = 'workspace' | 'admin';

export interface ApiKey {
  readonly id: string;
  readonly workspaceId: string;
  readonly kind: KeyKind;
  readonly name: string;
  readonly hint: string;
  readonly status: 'active' | 'revoked' | 'expired';
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

export interface KeyMaking {
  readonly entropy: Entropy;
  /** The secret under which digests are made; kept outside the database. */
  readonly pepper: Buffer;
}

/** 256 bits: unguessable, and 43 characters in base64url. */
const SECRET_BYTES = 32;
const PEPPER_VERSION = 1;
/** Keys that work at once, per organization: far above need, far below harm. */
const ACTIVE_KEYS_MAX = 1_000;
const LIST_LIMIT = 2_000;

const PREFIXES: Record<KeyKind, string> = {
  workspace: 'sk-bursar-api01-',
  admin: 'sk-bursar-admin01-',
};
const SHAPE = /^(sk-bursar-(?:api|admin)01-[A-Za-z0-9_-]{43})-([0-9A-Za-z]{6})$/;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Six base-62 digits of a CRC-32: finds typing errors and lets secret scanners be certain. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let place = 0; place < 6; place++) {
    digits = BASE62.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Whether the text can be a key at all. Says nothing about whether it is one. */
export function keyShapeOk(text: string): boolean {
  const match = SHAPE.exec(text);
  const [, body = '', check = ''] = match ?? [];
  return match !== null && checksum(body) === check;
}

export const digestKey = (pepper: Buffer, key: string): Buffer =>
  createHmac('sha256', pepper).update(key).digest();

const apiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  workspaceId: row.workspace_id,
  kind: row.kind,
  name: row.name,
  hint: row.hint,
  status: row.status,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

/** Makes a key. The returned `key` is the only copy of its text there will ever be. */
export async function createApiKey(
  tx: Db,
  deps: KeyMaking,
  input: {
    readonly organizationId: string;
    readonly workspaceId: string;
    readonly name: string;
    readonly kind: KeyKind;
    readonly createdBy: string | null;
    readonly expiresAt?: Date;
  },
): Promise<{ id: ApiKeyId; key: string; hint: string }> {
  const prefix = PREFIXES[input.kind];
  const secret = Buffer.from(deps.entropy.bytes(SECRET_BYTES)).toString('base64url');
  const body = `${prefix}${secret}`;
  const key = `${body}-${checksum(body)}`;
  const hint = `${prefix}${secret.slice(0, 3)}...${key.slice(-4)}`;
  const id = newId('apiKey', deps.entropy);
  const { organizationId, workspaceId, kind, name, createdBy } = input;
  const expiresAt = input.expiresAt ?? null;
  await tx.query(
    insertApiKey({ organizationId, id, workspaceId, kind, name, hint, createdBy, expiresAt }),
  );
  await tx.query(insertKeyDigest(digestKey(deps.pepper, key), PEPPER_VERSION, organizationId, id));
  return { id, key, hint };
}

/** Whether the organization may have one more key. */
export async function mayAddKey(db: Db, organizationId: string): Promise<boolean> {
  const [row] = await db.query<{ active: bigint }>(countActiveApiKeys(organizationId));
  return (row?.active ?? 0n) < BigInt(ACTIVE_KEYS_MAX);
}

/**
 * Revokes for good. Undefined if the organization has no such key, of the kind if one is given;
 * without an organization, which is the operator's way, the key is found by its id alone.
 */
export async function revokeApiKey(
  db: Db,
  key: { readonly organizationId?: string; readonly id: string; readonly kind?: KeyKind },
): Promise<ApiKey | undefined> {
  let owner = key.organizationId;
  if (owner === undefined) {
    const [row] = await db.query<{ organization_id: string }>(selectKeyOwner(key.id));
    owner = row?.organization_id;
  }
  if (owner === undefined) return undefined;
  const [row] = await db.query<ApiKeyRow>(revokeKey(owner, key.id, key.kind ?? null));
  return row === undefined ? undefined : apiKey(row);
}

export async function listApiKeys(db: Db, organizationId: string): Promise<ApiKey[]> {
  return (await db.query<ApiKeyRow>(selectApiKeys(organizationId, LIST_LIMIT))).map(apiKey);
}
