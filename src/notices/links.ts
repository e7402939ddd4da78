import { timingSafeEqual } from 'node:crypto';
import { digestOf } from '#identity/secrets';

/** What the owner of an address can do from a mail, without signing in. Persisted in mails. */
export type LinkDeed = 'confirm' | 'stop';

export interface LinkSubject {
  readonly deed: LinkDeed;
  readonly organizationId: string;
  readonly address: string;
  /** A topic that is stopped; `all` for an address that leaves or is confirmed. */
  readonly topic: string;
}

const lines = ({ deed, organizationId, address, topic }: LinkSubject): string =>
  [deed, organizationId, address, topic].join('\n');

const signature = (pepper: Buffer, subject: LinkSubject): Buffer =>
  digestOf(pepper, 'notice link', lines(subject));

/**
 * The page that asks once more and then does it: a scanner that follows links does nothing. Signed,
 * so nothing about it is stored; it works as long as the address has something to do with the
 * organization.
 */
export function linkTo(pepper: Buffer, consoleUrl: string, subject: LinkSubject): string {
  const url = new URL('/notices', consoleUrl);
  url.searchParams.set('do', subject.deed);
  url.searchParams.set('organization', subject.organizationId);
  url.searchParams.set('address', subject.address);
  url.searchParams.set('topic', subject.topic);
  url.searchParams.set('signature', signature(pepper, subject).toString('base64url'));
  return url.href;
}

export function isOurs(pepper: Buffer, subject: LinkSubject, given: string): boolean {
  const bytes = Buffer.from(given, 'base64url');
  const own = signature(pepper, subject);
  return bytes.length === own.length && timingSafeEqual(bytes, own);
}
