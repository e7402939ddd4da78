import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { Entropy } from '#kernel/ids';

const PREFIX = 'whsec_';
/** Between the 24 and 64 that Standard Webhooks asks for. */
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of what is stored: how it was sealed, should that ever change. */
const SEALED_BY = 1;

/** Whose secret it is. It is bound in: moved to another row, a sealed secret does not open. */
export interface SecretOwner {
  readonly organizationId: string;
  readonly endpointId: string;
}

export const newSecretKey = (entropy: Entropy): Buffer => Buffer.from(entropy.bytes(KEY_BYTES));

/** As its owner is shown it, once. */
export const secretText = (key: Buffer): string => `${PREFIX}${key.toString('base64')}`;

/** As it is stored: AES-256-GCM under a key that only holders of the pepper can make. */
export function sealSecret(
  key: Buffer,
  owner: SecretOwner,
  { pepper, entropy }: { readonly pepper: Buffer; readonly entropy: Entropy },
): Buffer {
  const iv = Buffer.from(entropy.bytes(IV_BYTES));
  const cipher = createCipheriv('aes-256-gcm', sealingKey(pepper), iv).setAAD(nameOf(owner));
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([Buffer.of(SEALED_BY), iv, cipher.getAuthTag(), sealed]);
}

/** Undefined if it was sealed with another pepper or for another endpoint, or was changed. */
export function openSecret(sealed: Buffer, owner: SecretOwner, pepper: Buffer): Buffer | undefined {
  if (sealed[0] !== SEALED_BY) return undefined;
  const iv = sealed.subarray(1, 1 + IV_BYTES);
  const tag = sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES);
  try {
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(pepper), iv, options);
    decipher.setAAD(nameOf(owner)).setAuthTag(tag);
    const text = decipher.update(sealed.subarray(1 + IV_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The pepper has other uses; this one gets a key of its own. */
const sealingKey = (pepper: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', pepper, '', 'outgoing webhooks: secrets of endpoints', 32));

const nameOf = ({ organizationId, endpointId }: SecretOwner): Buffer =>
  Buffer.from(`${organizationId}\n${endpointId}`, 'utf8');
