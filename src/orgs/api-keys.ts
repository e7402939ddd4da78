import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Db } from '#db/pool';
import { type ApiKeyId, type Entropy, newId } from '#kernel/ids';
import { KEY_MOVES, type KeyMoveName, type KeyStatus } from '#orgs/key-states';
import {
  type ApiKeyRow,
  countUsableApiKeys,
  insertApiKey,
  insertKeyDigest,
  selectApiKey,
  selectApiKeys,
  selectKeyOwner,
  updateKeyName,
  updateKeyStatus,
} from './sql.ts';

export type KeyKind = 'workspace' | 'admin';

export interface ApiKey {
  readonly organizationId: string;
  readonly id: string;
  readonly workspaceId: string;
  readonly kind: KeyKind;
  readonly name: string;
  readonly hint: string;
  readonly status: KeyStatus;
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
/** Keys that are neither revoked nor expired, per organization: above need, far below harm. */
const USABLE_KEYS_MAX = 1_000;
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
  organizationId: row.organization_id,
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
  const [row] = await db.query<{ usable: bigint }>(countUsableApiKeys(organizationId));
  return (row?.usable ?? 0n) < BigInt(USABLE_KEYS_MAX);
}

export type KeyChange =
  /** The key is as asked; `moved` is false if it was so before. */
  | { readonly outcome: 'done'; readonly key: ApiKey; readonly moved: boolean }
  /** A key in this state cannot be changed so. */
  | { readonly outcome: 'refused'; readonly status: KeyStatus }
  | { readonly outcome: 'unknown_key' };

/** Without an organization, which is the operator's way, a key is found by its id alone. */
export interface KeyChoice {
  readonly organizationId?: string;
  readonly id: string;
  /** Only keys of this kind are found. */
  readonly kind?: KeyKind;
}

/** Changes a key's state as `KEY_MOVES` allows. Requests see it within a second, everywhere. */
export async function changeKey(
  db: Db,
  move: KeyMoveName,
  { organizationId, id, kind }: KeyChoice,
): Promise<KeyChange> {
  const owner = organizationId ?? (await organizationOfKey(db, id));
  if (owner === undefined) return { outcome: 'unknown_key' };
  const [moved] = await db.query<ApiKeyRow>(
    updateKeyStatus(owner, id, kind ?? null, KEY_MOVES[move]),
  );
  if (moved !== undefined) return { outcome: 'done', key: apiKey(moved), moved: true };
  const [row] = await db.query<ApiKeyRow>(selectApiKey(owner, id, kind ?? null));
  if (row === undefined) return { outcome: 'unknown_key' };
  if (row.status !== KEY_MOVES[move].to) return { outcome: 'refused', status: row.status };
  return { outcome: 'done', key: apiKey(row), moved: false };
}

/** Whose key it is: the operator names keys without their organization. */
export async function organizationOfKey(db: Db, id: string): Promise<string | undefined> {
  const [row] = await db.query<{ organization_id: string }>(selectKeyOwner(id));
  return row?.organization_id;
}

/** Revokes for good. Undefined if there is no such key. */
export async function revokeApiKey(db: Db, choice: KeyChoice): Promise<ApiKey | undefined> {
  const change = await changeKey(db, 'revoke', choice);
  return change.outcome === 'done' ? change.key : undefined;
}

/** Undefined if the organization has no such key. */
export async function renameApiKey(
  db: Db,
  { organizationId, id }: { readonly organizationId: string; readonly id: string },
  name: string,
): Promise<ApiKey | undefined> {
  const [row] = await db.query<ApiKeyRow>(updateKeyName(organizationId, id, name));
  return row === undefined ? undefined : apiKey(row);
}

/** Undefined if the organization has no such key. */
export async function readApiKey(
  db: Db,
  { organizationId, id }: { readonly organizationId: string; readonly id: string },
): Promise<ApiKey | undefined> {
  const [row] = await db.query<ApiKeyRow>(selectApiKey(organizationId, id, null));
  return row === undefined ? undefined : apiKey(row);
}

export async function listApiKeys(db: Db, organizationId: string): Promise<ApiKey[]> {
  return (await db.query<ApiKeyRow>(selectApiKeys(organizationId, LIST_LIMIT))).map(apiKey);
}
