import type { Db } from '#db/pool';

/** One signed-in browser. */
export interface Session {
  readonly userId: string;
  readonly email: string;
  /** The organization last chosen. Says nothing about membership: ask `#orgs/members`. */
  readonly organizationId: string | null;
  /** Whether the person signed in within the last `FRESH_HOURS`. */
  readonly fresh: boolean;
}

export type LinkRequestOutcome =
  | { readonly outcome: 'sent' }
  | { readonly outcome: 'too_many_requests'; readonly retryAfterSeconds: number }
  | { readonly outcome: 'mail_unavailable' };

export type CompleteOutcome =
  | { readonly outcome: 'signed_in'; readonly sessionToken: string; readonly userId: string }
  /** Unknown, expired, voided or used: one answer, so that it tells nothing apart. */
  | { readonly outcome: 'link_invalid' };

/**
 * Everything the product asks about people's identity. Tokens go in and out as text and are
 * nowhere kept; a different way of signing in is another implementation of this.
 */
export interface Identity {
  /** Sends a link. `address` is the requester's network address, for the limit. */
  requestLink(request: {
    readonly email: string;
    readonly address: string;
  }): Promise<LinkRequestOutcome>;
  /** The operator's way: the link itself instead of a mail. Not limited. */
  issueLink(email: string): Promise<{ readonly url: string; readonly expiresAt: Date }>;
  complete(token: string): Promise<CompleteOutcome>;
  readSession(token: string): Promise<Session | undefined>;
  selectOrganization(db: Db, token: string, organizationId: string): Promise<void>;
  signOut(token: string): Promise<void>;
  /** Ends every session of a person: a lost device, a removed account. */
  signOutEverywhere(userId: string): Promise<void>;
}

export const LINK_VALID_MINUTES = 15;
export const SESSION_DAYS = 30;
/** What moves other people's money asks for a person who was there a working day ago at most. */
export const FRESH_HOURS = 12;
