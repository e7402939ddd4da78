import type { Db } from '#db/pool';
import type { MailMessage } from '#identity/mail';
import type { NoticesDeps } from '#notices/deps';
import { isNoticeKind, type Kind, kindOf } from '#notices/kinds';
import { linkTo } from '#notices/links';
import { type Footer, linkOf, partsOf, type Told } from '#notices/mail-parts';
import { TOPIC_ROWS, type Topic } from '#notices/topics';
import type { Setting } from '#notices/wording';
import { wordsOf } from '#notices/words';
import { readOrganization } from '#orgs/organizations';
import { parseRole, ROLE_NAMES } from '#orgs/roles';
import { type MailRow, type NoticeRow, noticesOfMail } from './sql.ts';

type Deps = Pick<NoticesDeps, 'brand' | 'consoleUrl' | 'pepper' | 'mailDomain'>;

/** The whole mail of a row, the same whenever it is asked for; undefined if there is nothing in it. */
export async function composeMail(
  deps: Deps,
  db: Db,
  mail: MailRow,
): Promise<MailMessage | undefined> {
  const found = await readOrganization(db, mail.organizationId);
  const setting = { brand: deps.brand, organization: found?.name ?? '' };
  const id = `${mail.id}@${deps.mailDomain}`;
  if (mail.form === 'confirmation') return { id, ...confirmation(deps, mail, setting) };
  const notices = await db.query<NoticeRow>(noticesOfMail(mail));
  const told = notices.flatMap((notice) => tellingOf(deps, notice, setting));
  const [first] = told;
  if (first === undefined) return undefined;
  const topics = [...new Set(told.map(({ kind }) => kind.topic))];
  const footer = footerOf(deps, mail, setting, topics);
  const links = footer.stop === undefined ? {} : { unsubscribeUrl: footer.stop };
  const head = { id, to: mail.address, ...links };
  if (mail.form === 'single') {
    return { ...head, subject: first.words.subject, ...partsOf(null, [first], footer) };
  }
  const count = told.length === 1 ? '1 notice' : `${told.length} notices`;
  const lead = `Your daily summary for ${setting.organization}: ${count} that could wait.`;
  return {
    ...head,
    subject: `Your daily summary: ${count}`,
    ...partsOf(lead, told, footer),
  };
}

function tellingOf(
  deps: Deps,
  notice: NoticeRow,
  setting: Setting,
): readonly (Told & { kind: Kind })[] {
  if (!isNoticeKind(notice.kind)) return [];
  const kind = kindOf(notice.kind);
  const words = wordsOf(notice.kind, notice.facts, setting);
  return [{ kind, words, severity: kind.severity, link: linkOf(kind, deps.consoleUrl) }];
}

function footerOf(
  deps: Deps,
  mail: MailRow,
  { brand, organization }: Setting,
  topics: readonly Topic[],
): Footer & { readonly stop?: string } {
  const { address, organizationId, reachedAs } = mail;
  if (reachedAs === 'operator') {
    return { why: `Sent to ${address}, which runs this deployment of ${brand}.`, links: [] };
  }
  const notices = new URL('/settings/notices', deps.consoleUrl).href;
  const choose = { label: 'Choose what you are told', url: notices };
  const added = reachedAs === 'address';
  const role = parseRole(reachedAs);
  const as = role === undefined ? 'a member' : ROLE_NAMES[role];
  const why = added
    ? `Sent by ${brand} to ${address}, which ${organization} added and you confirmed.`
    : `Sent by ${brand} to ${address} because you are ${as} of ${organization}.`;
  const stopOf = (topic: string): string =>
    linkTo(deps.pepper, deps.consoleUrl, { deed: 'stop', organizationId, address, topic });
  if (added) {
    const stop = stopOf('all');
    return { why, stop, links: [{ label: 'Send nothing more to this address', url: stop }] };
  }
  const stops = topics
    .filter((topic) => !TOPIC_ROWS[topic].mandatory)
    .map((topic) => ({
      label: `No more mails about: ${TOPIC_ROWS[topic].title}`,
      url: stopOf(topic),
    }));
  const [stop, ...more] = stops;
  // The header of a mail has one such link: of several topics none would be all of it.
  const only = stop === undefined || more.length > 0 ? {} : { stop: stop.url };
  return { why, ...only, links: [choose, ...stops] };
}

function confirmation(deps: Deps, mail: MailRow, { brand, organization }: Setting) {
  const { address, organizationId } = mail;
  const subject = { deed: 'confirm', organizationId, address, topic: 'all' } as const;
  const words = {
    subject: `Confirm that ${brand} may write to you`,
    headline: `${organization} wants ${brand} to send notices to this address`,
    body: [
      'They are about its balance, payments and limits. Nothing is sent until you agree, ' +
        'and every mail has a link that stops them.',
      'If you do not know this organization, ignore this mail: you will get no other.',
    ],
    rows: [['Address', address] as const],
  };
  const link = { label: 'Agree', url: linkTo(deps.pepper, deps.consoleUrl, subject) };
  const footer = { why: `Sent by ${brand} because somebody entered ${address}.`, links: [] };
  const told = { words, severity: 'info', link } as const;
  return { to: address, subject: words.subject, ...partsOf(null, [told], footer) };
}
