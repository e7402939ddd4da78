import type { Db } from '#db/pool';
import { Fault } from '#kernel/assert';
import { newId, type OrganizationId, parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { issueIfRoom } from '#ledger/grants';
import { readUser } from '#orgs/members';
import { readOrganization } from '#orgs/organizations';
import { savedCards } from '#payments/cards';
import type { CardRow } from '#payments/cards-sql';
import type { PaymentsDeps } from '#payments/deps';
import { DEFAULT_SELLING } from '#payments/selling';
import {
  cardRefusal,
  mailboxOf,
  type StarterRefusal,
  type StarterTerms,
  starterDigest,
} from '#payments/starter-rules';
import * as sql from '#payments/starter-sql';

/** Of the grant in the ledger: an organization has one of it at most, whatever happens here. */
export const STARTER_SOURCE = 'starter_credit';

/** How it stands with starter credit for an organization and the person who asks. */
export type StarterStanding =
  /** The operator gives none. */
  | { readonly standing: 'off' }
  | { readonly standing: 'given'; readonly starter: sql.StarterRow }
  | { readonly standing: 'needs_card' }
  | { readonly standing: 'ready' }
  | { readonly standing: 'refused'; readonly why: StarterRefusal };

/** One saved card, with what it would use up. */
interface Candidate {
  readonly card: CardRow;
  readonly digest: Buffer;
}

interface Asked {
  readonly terms: StarterTerms;
  readonly organizationId: OrganizationId;
  readonly userId: string;
  readonly mailbox: Buffer;
  readonly candidates: readonly Candidate[];
  /** Why the others are none; undefined where there is no card at all. */
  readonly unfit: StarterRefusal | undefined;
}

/** The same decision as `giveStarterCredit` would make now, and nothing else. */
export async function starterStanding(
  deps: PaymentsDeps,
  organizationId: string,
  userId: string,
): Promise<StarterStanding> {
  const asked = await askedBy(deps, organizationId, userId);
  if (asked === undefined) return { standing: 'off' };
  const judged = await judge(deps.pool, asked);
  return judged.standing === 'fits' ? { standing: 'ready' } : judged;
}

/**
 * Gives an organization its starter credit, if the operator gives any, and if neither it nor the
 * person nor the card had one before: whoever asks, from wherever, and however many at one moment.
 * The person must have proved their e-mail by signing in.
 */
export async function giveStarterCredit(
  deps: PaymentsDeps,
  organizationId: string,
  userId: string,
): Promise<StarterStanding> {
  const asked = await askedBy(deps, organizationId, userId);
  if (asked === undefined) return { standing: 'off' };
  const standing = await deps.pool.transaction(async (tx): Promise<StarterStanding> => {
    for (const subject of subjectsOf(asked)) await tx.query(sql.lockClaim(subject));
    const judged = await judge(tx, asked);
    return judged.standing === 'fits' ? await give(deps, tx, asked, judged.fit) : judged;
  });
  const { log } = deps;
  if (standing.standing === 'refused') {
    log?.info({ organization: organizationId, why: standing.why }, 'no starter credit');
  }
  return standing;
}

/** Always in one order, so that no two wait for each other. */
const subjectsOf = (asked: Asked): string[] =>
  [
    asked.organizationId,
    ...[asked.mailbox, ...asked.candidates.map(({ digest }) => digest)].map((digest) =>
      digest.toString('hex'),
    ),
  ].sort();

async function askedBy(
  deps: PaymentsDeps,
  organization: string,
  userId: string,
): Promise<Asked | undefined> {
  const terms = deps.starter;
  if (terms === undefined) return undefined;
  const organizationId = parseId('organization', organization);
  const user = await readUser(deps.pool, userId);
  // Keys of programs are no persons, and prove no e-mail.
  if (organizationId === undefined || user === undefined) return undefined;
  const digest = (kind: 'email' | 'card', text: string) =>
    starterDigest(terms, deps.environment, kind, text);
  const cards = await savedCards(deps, organizationId);
  const refusals = cards.map((card) => cardRefusal(card, terms, deps.selling ?? DEFAULT_SELLING));
  return {
    ...{ terms, organizationId, userId },
    mailbox: digest('email', mailboxOf(user.email)),
    candidates: cards
      .filter((_card, at) => refusals[at] === undefined)
      .map((card) => ({ card, digest: digest('card', card.fingerprint ?? '') })),
    unfit: refusals.find((why) => why !== undefined),
  };
}

type Judged =
  | Exclude<StarterStanding, { standing: 'off' | 'ready' }>
  | { readonly standing: 'fits'; readonly fit: Candidate };

async function judge(db: Db, asked: Asked): Promise<Judged> {
  const { organizationId, mailbox, candidates, unfit } = asked;
  const [starter] = await db.query<sql.StarterRow>(sql.findStarter(organizationId));
  if (starter !== undefined) return { standing: 'given', starter };
  const organization = await readOrganization(db, organizationId);
  if (organization?.status !== 'active') return { standing: 'refused', why: 'suspended' };
  const used = await db.query<{ digest: Buffer }>(
    sql.usedUp([mailbox, ...candidates.map(({ digest }) => digest)]),
  );
  const isUsed = (digest: Buffer) => used.some((row) => row.digest.equals(digest));
  if (isUsed(mailbox)) return { standing: 'refused', why: 'email_used' };
  const fit = candidates.find(({ digest }) => !isUsed(digest));
  if (fit !== undefined) return { standing: 'fits', fit };
  if (candidates.length > 0) return { standing: 'refused', why: 'card_used' };
  return unfit === undefined ? { standing: 'needs_card' } : { standing: 'refused', why: unfit };
}

async function give(
  deps: PaymentsDeps,
  tx: Db,
  asked: Asked,
  { card, digest }: Candidate,
): Promise<StarterStanding> {
  const { organizationId, userId, terms, mailbox } = asked;
  const { amount, days } = terms;
  const grantId = newId('grant', deps.entropy);
  const [end] = await tx.query<{ until: Date }>(sql.starterEnd(days));
  if (end === undefined) throw new Fault('a question without rows has one row');
  const issued = await issueIfRoom(tx, {
    ...{ organizationId, grantId, amount, kind: 'promotional', source: STARTER_SOURCE },
    ...{ expiresAt: end.until, reason: 'starter credit' },
  });
  if (!('grantId' in issued)) return { standing: 'refused', why: 'no_room' };
  const { expiresAt } = issued;
  await tx.query(
    sql.insertStarter({ organizationId, userId, cardId: card.id, grantId: issued.grantId, amount }),
  );
  await tx.query(sql.insertClaim(mailbox, 'email', organizationId));
  await tx.query(sql.insertClaim(digest, 'card', organizationId));
  await terms.audit(tx, { organizationId, userId, grantId: issued.grantId });
  const tell = terms.tell ?? deps.tell;
  await tell?.(tx, {
    ...{ organizationId, kind: 'starter_credit_given', key: issued.grantId },
    facts: {
      grant_id: issued.grantId,
      amount_usd: formatUsd(amount),
      expires_at: expiresAt.toISOString(),
    },
  });
  const [starter] = await tx.query<sql.StarterRow>(sql.findStarter(organizationId));
  if (starter === undefined) throw new Fault('a row just written is there');
  deps.log?.info({ organization: organizationId, grant: grantId }, 'starter credit given');
  return { standing: 'given', starter };
}
