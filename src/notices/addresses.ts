import type { Db } from '#db/pool';
import { queueMail } from '#notices/announce';
import type { NoticesDeps } from '#notices/deps';
import { isOurs, type LinkSubject } from '#notices/links';
import { CHOSEN_TOPICS, parseTopic, TOPIC_ROWS, type Topic } from '#notices/topics';
import { normalizeEmail } from '#orgs/members';
import * as sql from './settings-sql.ts';

/** More are a mailing list, which is one address. */
const ADDRESSES_MOST = 20;
/** Mails that ask to agree, to one address in a day, from all organizations together. */
const CONFIRMATIONS_MOST = 3;
const CONFIRMATION_HOURS = 24;

export type Added =
  | { readonly outcome: 'added'; readonly asked: boolean }
  | { readonly outcome: 'too_many' | 'too_many_confirmations' | 'no_topics' };

export const isChosenTopic = (text: string): boolean => {
  const topic = parseTopic(text);
  return topic !== undefined && CHOSEN_TOPICS.includes(topic);
};

/** Keeps an address and what it is told, and asks its owner to agree if they have not. */
export async function addAddress(
  deps: Pick<NoticesDeps, 'entropy'>,
  tx: Db,
  of: {
    readonly organizationId: string;
    readonly address: string;
    readonly topics: readonly string[];
    readonly actor: string;
  },
): Promise<Added> {
  const { organizationId, actor } = of;
  const address = normalizeEmail(of.address);
  const topics = [...new Set(of.topics.filter(isChosenTopic))];
  if (topics.length === 0) return { outcome: 'no_topics' };
  const known = await tx.query<sql.AddressRow>(sql.listAddresses(organizationId));
  const others = known.filter((one) => one.address !== address);
  if (others.length >= ADDRESSES_MOST) return { outcome: 'too_many' };
  const confirmed = known.some((one) => one.address === address && one.confirmedAt !== null);
  const [asked] = await tx.query<{ count: number }>(
    sql.recentConfirmations(address, CONFIRMATION_HOURS),
  );
  if (!confirmed && (asked?.count ?? 0) >= CONFIRMATIONS_MOST) {
    return { outcome: 'too_many_confirmations' };
  }
  await tx.query(sql.saveAddress(organizationId, address, topics, actor));
  if (!confirmed) {
    const recipient = { address, reachedAs: 'address' };
    await queueMail(deps, tx, organizationId, recipient, 'confirmation');
  }
  return { outcome: 'added', asked: !confirmed };
}

/** False if it was not there. Who is added again must agree again. */
export async function dropAddress(
  tx: Db,
  organizationId: string,
  address: string,
): Promise<boolean> {
  const gone = await tx.query(sql.removeAddress(organizationId, normalizeEmail(address)));
  return gone.length > 0;
}

export type LinkFollowed =
  | { readonly outcome: 'confirmed' | 'removed' }
  | { readonly outcome: 'stopped'; readonly topic: Topic }
  | { readonly outcome: 'link_invalid' };

/** What the owner of an address asked for by a link of a mail. Harmless when repeated. */
export async function followLink(
  deps: Pick<NoticesDeps, 'pool' | 'pepper'>,
  subject: LinkSubject,
  signature: string,
): Promise<LinkFollowed> {
  if (!isOurs(deps.pepper, subject, signature)) return { outcome: 'link_invalid' };
  const { deed, organizationId, address } = subject;
  if (deed === 'confirm') {
    const rows = await deps.pool.query(sql.confirmAddress(organizationId, address));
    return { outcome: rows.length > 0 ? 'confirmed' : 'link_invalid' };
  }
  if (subject.topic === 'all') {
    await dropAddress(deps.pool, organizationId, address);
    return { outcome: 'removed' };
  }
  const topic = parseTopic(subject.topic);
  if (topic === undefined || TOPIC_ROWS[topic].mandatory) return { outcome: 'link_invalid' };
  await deps.pool.query(sql.insertOptOut(organizationId, address, topic));
  return { outcome: 'stopped', topic };
}

/** Takes back what the owner of an address once asked for. */
export async function resumeTopic(
  db: Db,
  organizationId: string,
  address: string,
  topic: string,
): Promise<boolean> {
  const rows = await db.query(sql.removeOptOut(organizationId, normalizeEmail(address), topic));
  return rows.length > 0;
}
