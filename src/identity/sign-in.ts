import type { Db, Pool } from '#db/pool';
import type { Mailer, MailMessage } from '#identity/mail';
import {
  type CompleteOutcome,
  type Identity,
  LINK_VALID_MINUTES,
  type LinkRequestOutcome,
} from '#identity/port';
import { digestOf, newToken, tokenShapeOk } from '#identity/secrets';
import { sessionStore, startSession } from '#identity/sessions';
import { assert } from '#kernel/assert';
import type { Entropy } from '#kernel/ids';
import { findOrCreateUser, membershipsOf, normalizeEmail } from '#orgs/members';
import { recordAudit } from './audit.ts';
import {
  countRecentLinks,
  deleteOldLinks,
  insertLink,
  lockIssuing,
  type RecentLinksRow,
  useLink,
  voidLinks,
} from './sql.ts';

export interface IdentityDeps {
  readonly pool: Pool;
  readonly entropy: Entropy;
  /** The secret under which digests are made; kept outside the database. */
  readonly pepper: Buffer;
  readonly mailer: Mailer;
  readonly consoleUrl: string;
  readonly brand: string;
}

/** A person mistypes or loses a mail a few times; a script does it more often. */
const LINKS_PER_EMAIL = 5;
/** An office behind one address signs in together; a script does it more often. */
const LINKS_PER_ADDRESS = 60;
const WINDOW_MINUTES = LINK_VALID_MINUTES;

interface IssuedLink {
  readonly url: string;
  readonly expiresAt: Date;
}

const linkUrl = (consoleUrl: string, token: string): string => {
  const url = new URL('/sign-in', consoleUrl);
  url.searchParams.set('token', token);
  return url.href;
};

/** Stores a fresh link and voids the older ones of the mailbox. */
async function issue(
  tx: Db,
  deps: IdentityDeps,
  email: string,
  addressDigest: Buffer | null,
): Promise<IssuedLink> {
  const token = newToken(deps.entropy);
  const digest = digestOf(deps.pepper, 'sign-in link', token);
  await tx.query(voidLinks(email));
  const [row] = await tx.query<{ expires_at: Date }>(
    insertLink(digest, email, addressDigest, LINK_VALID_MINUTES),
  );
  assert(row !== undefined, 'an insert returns its row');
  return { url: linkUrl(deps.consoleUrl, token), expiresAt: row.expires_at };
}

/** Undefined if the mailbox or the requester asked too often. */
async function issueWithinLimits(
  deps: IdentityDeps,
  email: string,
  address: string,
): Promise<IssuedLink | undefined> {
  const addressDigest = digestOf(deps.pepper, 'requester address', address);
  return await deps.pool.transaction(async (tx) => {
    // Always requester before mailbox: one order, no deadlock.
    await tx.query(lockIssuing(addressDigest.toString('hex')));
    await tx.query(lockIssuing(email));
    const [recent] = await tx.query<RecentLinksRow>(
      countRecentLinks(email, addressDigest, WINDOW_MINUTES),
    );
    assert(recent !== undefined, 'a count returns a row');
    if (recent.for_email >= LINKS_PER_EMAIL || recent.for_address >= LINKS_PER_ADDRESS) {
      return undefined;
    }
    await tx.query(deleteOldLinks());
    return await issue(tx, deps, email, addressDigest);
  });
}

const message = (deps: IdentityDeps, email: string, url: string): MailMessage => ({
  to: email,
  subject: `Sign in to ${deps.brand}`,
  text: [
    `Open this link to sign in to ${deps.brand} as ${email}:`,
    '',
    url,
    '',
    `It works once and for ${LINK_VALID_MINUTES} minutes.`,
    'If you did not ask for it, ignore this message: nobody was signed in.',
    '',
  ].join('\n'),
});

async function requestLink(
  deps: IdentityDeps,
  request: { readonly email: string; readonly address: string },
): Promise<LinkRequestOutcome> {
  const email = normalizeEmail(request.email);
  const link = await issueWithinLimits(deps, email, request.address);
  if (link === undefined) {
    return { outcome: 'too_many_requests', retryAfterSeconds: WINDOW_MINUTES * 60 };
  }
  const sent = await deps.mailer.send(message(deps, email, link.url));
  return { outcome: sent ? 'sent' : 'mail_unavailable' };
}

async function complete(deps: IdentityDeps, token: string): Promise<CompleteOutcome> {
  if (!tokenShapeOk(token)) return { outcome: 'link_invalid' };
  return await deps.pool.transaction<CompleteOutcome>(async (tx) => {
    const digest = digestOf(deps.pepper, 'sign-in link', token);
    const [link] = await tx.query<{ email: string }>(useLink(digest));
    if (link === undefined) return { outcome: 'link_invalid' };
    const user = await findOrCreateUser(tx, deps.entropy, link.email);
    const [first] = await membershipsOf(tx, user.id);
    const organizationId = first?.organizationId ?? null;
    const sessionToken = await startSession(tx, deps, user.id, organizationId);
    await recordAudit(tx, {
      organizationId: null,
      actor: user.id,
      action: 'session.start',
      subject: user.id,
      requestId: null,
    });
    return { outcome: 'signed_in', sessionToken, userId: user.id };
  });
}

export function createIdentity(deps: IdentityDeps): Identity {
  return {
    ...sessionStore(deps),
    requestLink: (request) => requestLink(deps, request),
    issueLink: (email) =>
      deps.pool.transaction(async (tx) => {
        const mailbox = normalizeEmail(email);
        await tx.query(lockIssuing(mailbox));
        return await issue(tx, deps, mailbox, null);
      }),
    complete: (token) => complete(deps, token),
  };
}
