import type { Db } from '#db/pool';
import { composeMail } from '#notices/compose';
import type { NoticesDeps } from '#notices/deps';
import * as sql from './sql.ts';

/** Longer than the mail server may take; then another process may try. */
const LEASE_SECONDS = 120;

const MINUTE = 60;
const HOUR = 3_600;

/** Waits between tries, in seconds: three days in all, in case a server is down over a weekend. */
export const RETRY_AFTER: readonly number[] = [
  MINUTE,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
  24 * HOUR,
];

/**
 * Sends a mail if it is its turn. Claimed before, marked after: a process that dies between leaves
 * it to another, which sends the same mail with the same id once more rather than never.
 */
export async function deliverMail(
  deps: NoticesDeps,
  organizationId: string,
  mailId: string,
): Promise<void> {
  const { pool } = deps;
  const [mail] = await pool.query<sql.MailRow>(
    sql.claimMail(organizationId, mailId, LEASE_SECONDS),
  );
  if (mail === undefined) return;
  const message = await composeMail(deps, pool, mail);
  if (message === undefined) {
    await pool.query(sql.endMail(mail, 'failed', 'nothing_to_say'));
    return;
  }
  const handed = await deps.courier.deliver(message);
  if (handed.outcome === 'accepted') await pool.query(sql.endMail(mail, 'sent', null));
  else if (handed.outcome === 'refused') await giveUp(deps, pool, mail, handed.problem);
  else await tryLater(deps, pool, mail, handed.problem);
}

async function tryLater(
  deps: NoticesDeps,
  db: Db,
  mail: sql.MailRow,
  problem: string,
): Promise<void> {
  const wait = RETRY_AFTER[mail.tries - 1];
  if (wait === undefined) return giveUp(deps, db, mail, problem);
  await db.query(sql.putOff(mail, wait, problem));
}

async function giveUp(
  deps: NoticesDeps,
  db: Db,
  mail: sql.MailRow,
  problem: string,
): Promise<void> {
  await db.query(sql.endMail(mail, 'failed', problem));
  deps.log?.error({ mail: mail.id, problem }, 'a notice could not be delivered');
}

const AT_ONCE = 20;

/** Meant for every few seconds: mails to be tried again, and those whose job was lost. */
export async function deliverDue(deps: NoticesDeps): Promise<void> {
  const due = await deps.pool.query<{ organizationId: string; id: string }>(sql.dueMails(AT_ONCE));
  for (const { organizationId, id } of due) {
    try {
      await deliverMail(deps, organizationId, id);
    } catch (error) {
      deps.log?.error({ mail: id, err: error }, 'a notice could not be sent and is tried again');
    }
  }
}
