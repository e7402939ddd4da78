import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { Fault } from '#kernel/assert';
import { newId } from '#kernel/ids';
import { readAudience } from '#notices/audience';
import type { NoticesDeps } from '#notices/deps';
import { isNoticeKind, type Kind, kindOf } from '#notices/kinds';
import { type Recipient, recipientsOf } from '#notices/recipients';
import { OPERATORS } from '#notices/tell';
import * as sql from './sql.ts';

/** The job that sends a mail. */
export const MAIL_TASK = 'notice_mail';

/**
 * Decides who is told of a notice and queues their mails, publishes the event: together and once,
 * whoever comes first. Safe to repeat.
 */
export async function announce(
  deps: NoticesDeps,
  organizationId: string,
  noticeId: string,
): Promise<void> {
  await deps.pool.transaction(async (tx) => {
    const [notice] = await tx.query<sql.NoticeRow>(sql.lockUnannounced(organizationId, noticeId));
    if (notice === undefined) return;
    const { kind: name } = notice;
    if (!isNoticeKind(name)) throw new Fault(`a notice of a kind that does not exist: ${name}`);
    const kind = kindOf(name);
    const { recipients, digest } = await audienceOf(deps, tx, organizationId, kind);
    for (const recipient of recipients) {
      const waits = digest && kind.digestible;
      const mailId = waits ? null : await queueMail(deps, tx, organizationId, recipient, 'single');
      await tx.query(sql.insertDelivery({ organizationId, noticeId, ...recipient, mailId }));
    }
    if (kind.event !== null && deps.publish !== undefined) {
      await deps.publish(tx, {
        ...{ organizationId, eventId: noticeId, type: kind.event },
        ...{ occurredAt: notice.happenedAt, data: notice.facts },
      });
    }
    await tx.query(sql.markAnnounced(organizationId, noticeId));
  });
}

async function audienceOf(
  deps: NoticesDeps,
  tx: Db,
  organizationId: string,
  kind: Kind,
): Promise<{ recipients: readonly Recipient[]; digest: boolean }> {
  if (organizationId === OPERATORS) {
    const recipients = deps.operators.map((address) => ({ address, reachedAs: 'operator' }));
    return { recipients, digest: false };
  }
  const audience = await readAudience(tx, organizationId);
  const recipients = recipientsOf(kind.topic, audience);
  return { recipients, digest: audience.settings.digest };
}

/** A mail that exists exactly if the transaction does, and the job that sends it. */
export async function queueMail(
  deps: Pick<NoticesDeps, 'entropy'>,
  tx: Db,
  organizationId: string,
  { address, reachedAs }: Recipient,
  form: sql.MailForm,
): Promise<string> {
  const id = newId('mail', deps.entropy);
  await tx.query(sql.insertMail({ organizationId, id, form, address, reachedAs }));
  const payload = { organization_id: organizationId, mail_id: id };
  await enqueue(tx, MAIL_TASK, payload, { jobKey: `${MAIL_TASK}:${id}` });
  return id;
}

const AT_ONCE = 50;

/** Meant for every few seconds: notices whose job was lost with the process that had it. */
export async function announceForgotten(deps: NoticesDeps): Promise<void> {
  const left = await deps.pool.query<{ organizationId: string; id: string }>(
    sql.unannounced(AT_ONCE),
  );
  for (const { organizationId, id } of left) {
    try {
      await announce(deps, organizationId, id);
    } catch (error) {
      // One that cannot be told must not keep the others waiting.
      deps.log?.error({ notice: id, err: error }, 'a notice could not be announced');
    }
  }
}
