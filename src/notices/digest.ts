import { queueMail } from '#notices/announce';
import type { NoticesDeps } from '#notices/deps';
import { digestsDue, lockWaiting, putIntoMail } from './sql.ts';

/** Business time in UTC: before most offices of Europe open, and in the evening of the west. */
export const DIGEST_HOUR = 8;

const AT_ONCE = 100;

/**
 * Meant for every minute: puts what waited for an address until this morning into one mail. Of two
 * workers one finds nothing waiting, so there is one mail a day.
 */
export async function sendDigests(deps: NoticesDeps): Promise<void> {
  const due = await deps.pool.query<{ organizationId: string; address: string }>(
    digestsDue(DIGEST_HOUR, AT_ONCE),
  );
  for (const { organizationId, address } of due) {
    await deps.pool.transaction(async (tx) => {
      const waiting = await tx.query<{ noticeId: string; reachedAs: string }>(
        lockWaiting(organizationId, address, DIGEST_HOUR),
      );
      const [first] = waiting;
      if (first === undefined) return;
      const recipient = { address, reachedAs: first.reachedAs };
      const mailId = await queueMail(deps, tx, organizationId, recipient, 'digest');
      const notices = waiting.map(({ noticeId }) => noticeId);
      await tx.query(putIntoMail(organizationId, address, notices, mailId));
    });
  }
}
