/** Every id says what it names. The one table of prefixes; a persisted prefix is for ever. */
export const ID_PREFIXES = {
  organization: 'org_',
  workspace: 'wrkspc_',
  user: 'user_',
  apiKey: 'apikey_',
  request: 'req_',
  grant: 'grant_',
  purchase: 'pur_',
  cardSetup: 'cset_',
  session: 'sess_',
  discount: 'disc_',
  batch: 'msgbatch_',
  refund: 'rfnd_',
  notice: 'ntc_',
  mail: 'mail_',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;
export type Id<K extends IdKind> = string & { readonly __id: K };

export type OrganizationId = Id<'organization'>;
export type WorkspaceId = Id<'workspace'>;
export type UserId = Id<'user'>;
export type ApiKeyId = Id<'apiKey'>;
export type RequestId = Id<'request'>;
export type GrantId = Id<'grant'>;
export type PurchaseId = Id<'purchase'>;
export type CardSetupId = Id<'cardSetup'>;
export type DiscountId = Id<'discount'>;
export type BatchId = Id<'batch'>;
export type RefundId = Id<'refund'>;

/** A source of unpredictable bytes and of the time that makes ids sort. */
export interface Entropy {
  bytes(count: number): Uint8Array;
  nowMs(): number;
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const RANDOM_CHARACTERS = 16;
const ID_SHAPE = /^[0-9A-Za-z_-]{1,80}$/;

/** Ten characters of time, sixteen of chance (80 bits): ids of one kind sort by creation. */
export function newId<K extends IdKind>(kind: K, entropy: Entropy): Id<K> {
  let time = entropy.nowMs();
  let stamp = '';
  for (let place = 0; place < 10; place++) {
    stamp = ALPHABET.charAt(time % 32) + stamp;
    time = Math.floor(time / 32);
  }
  let tail = '';
  for (const byte of entropy.bytes(RANDOM_CHARACTERS)) tail += ALPHABET.charAt(byte & 31);
  return `${ID_PREFIXES[kind]}${stamp}${tail}` as Id<K>;
}

/** Reads an id that came from outside. Undefined if its prefix or characters do not fit. */
export function parseId<K extends IdKind>(kind: K, text: string): Id<K> | undefined {
  const prefix = ID_PREFIXES[kind];
  if (!text.startsWith(prefix) || !ID_SHAPE.test(text.slice(prefix.length))) return undefined;
  return text as Id<K>;
}
