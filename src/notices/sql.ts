import type { Statement } from '#db/pool';
import type { Facts } from '#notices/facts';

export interface NoticeRow {
  readonly organizationId: string;
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly facts: Facts;
  readonly happenedAt: Date;
}

const NOTICE = `n.organization_id AS "organizationId", n.id, n.kind, n.key, n.facts,
  n.happened_at AS "happenedAt"`;

/** A row comes back only where it had not been told of. */
export const insertNotice = (notice: {
  readonly organizationId: string;
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly facts: Facts;
}): Statement => ({
  text: `INSERT INTO notices.notices (organization_id, id, kind, key, facts)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT ON CONSTRAINT one_notice_per_transition DO NOTHING RETURNING id`,
  values: [notice.organizationId, notice.id, notice.kind, notice.key, JSON.stringify(notice.facts)],
});

/** Which of these were told of, as positions from 1. */
export const positionsTold = (
  organizationIds: readonly string[],
  kinds: readonly string[],
  keys: readonly string[],
): Statement => ({
  text: `SELECT asked.place::int AS place
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
      AS asked (organization_id, kind, key, place)
    JOIN notices.notices n ON n.organization_id = asked.organization_id
      AND n.kind = asked.kind AND n.key = asked.key`,
  values: [organizationIds, kinds, keys],
});

/** Only while nobody has announced it; a second one waits, and then finds it done. */
export const lockUnannounced = (organizationId: string, id: string): Statement => ({
  text: `SELECT ${NOTICE} FROM notices.notices n
    WHERE n.organization_id = $1 AND n.id = $2 AND n.announced_at IS NULL FOR UPDATE`,
  values: [organizationId, id],
});

/** Those whose job was lost. */
export const unannounced = (limit: number): Statement => ({
  text: `SELECT organization_id AS "organizationId", id FROM notices.notices
    WHERE announced_at IS NULL ORDER BY organization_id, id LIMIT $1`,
  values: [limit],
});

export const markAnnounced = (organizationId: string, id: string): Statement => ({
  text: `UPDATE notices.notices SET announced_at = bursar.real_now()
    WHERE organization_id = $1 AND id = $2`,
  values: [organizationId, id],
});

export type MailForm = 'single' | 'digest' | 'confirmation';

export interface MailRow {
  readonly organizationId: string;
  readonly id: string;
  readonly form: MailForm;
  readonly address: string;
  readonly reachedAs: string;
  readonly tries: number;
}

export const insertMail = (mail: Omit<MailRow, 'tries'>): Statement => ({
  text: `INSERT INTO notices.mails (organization_id, id, form, address, reached_as)
    VALUES ($1, $2, $3, $4, $5)`,
  values: [mail.organizationId, mail.id, mail.form, mail.address, mail.reachedAs],
});

export const insertDelivery = (delivery: {
  readonly organizationId: string;
  readonly noticeId: string;
  readonly address: string;
  readonly reachedAs: string;
  readonly mailId: string | null;
}): Statement => ({
  text: `INSERT INTO notices.deliveries (organization_id, notice_id, address, reached_as, mail_id)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
  values: [
    delivery.organizationId,
    delivery.noticeId,
    delivery.address,
    delivery.reachedAs,
    delivery.mailId,
  ],
});

/** Takes a mail whose turn it is, for as long as sending may take; nobody else has it meanwhile. */
export const claimMail = (organizationId: string, id: string, leaseSeconds: number): Statement => ({
  text: `UPDATE notices.mails SET tries = tries + 1,
      next_try_at = bursar.real_now() + make_interval(secs => $3)
    WHERE organization_id = $1 AND id = $2 AND state = 'queued'
      AND next_try_at <= bursar.real_now()
    RETURNING organization_id AS "organizationId", id, form, address, reached_as AS "reachedAs",
      tries`,
  values: [organizationId, id, leaseSeconds],
});

export const dueMails = (limit: number): Statement => ({
  text: `SELECT organization_id AS "organizationId", id FROM notices.mails
    WHERE state = 'queued' AND next_try_at <= bursar.real_now() ORDER BY next_try_at LIMIT $1`,
  values: [limit],
});

type Ref = Pick<MailRow, 'organizationId' | 'id'>;

export const endMail = (
  mail: Ref,
  state: 'sent' | 'failed',
  problem: string | null,
): Statement => ({
  text: `UPDATE notices.mails SET state = $3, problem = $4, ended_at = bursar.now()
    WHERE organization_id = $1 AND id = $2 AND state = 'queued'`,
  values: [mail.organizationId, mail.id, state, problem],
});

export const putOff = (mail: Ref, seconds: number, problem: string): Statement => ({
  text: `UPDATE notices.mails SET problem = $4,
      next_try_at = bursar.real_now() + make_interval(secs => $3)
    WHERE organization_id = $1 AND id = $2 AND state = 'queued'`,
  values: [mail.organizationId, mail.id, seconds, problem],
});

/** What a mail tells, in the order in which it happened. */
export const noticesOfMail = (mail: Ref): Statement => ({
  text: `SELECT ${NOTICE} FROM notices.deliveries d
    JOIN notices.notices n ON n.organization_id = d.organization_id AND n.id = d.notice_id
    WHERE d.organization_id = $1 AND d.mail_id = $2 ORDER BY n.happened_at, n.id`,
  values: [mail.organizationId, mail.id],
});

/** Today's summary is due once this hour (UTC) has come; what waited until then is in it. */
export const digestsDue = (hour: number, limit: number): Statement => ({
  text: `SELECT DISTINCT d.organization_id AS "organizationId", d.address
    FROM notices.deliveries d
    JOIN notices.notices n ON n.organization_id = d.organization_id AND n.id = d.notice_id
    WHERE d.mail_id IS NULL AND n.happened_at < ${lastHour('$1')} ORDER BY 1, 2 LIMIT $2`,
  values: [hour, limit],
});

/** Locks what waits for an address, so that two workers make one summary. */
export const lockWaiting = (organizationId: string, address: string, hour: number): Statement => ({
  text: `SELECT d.notice_id AS "noticeId", d.reached_as AS "reachedAs"
    FROM notices.deliveries d
    JOIN notices.notices n ON n.organization_id = d.organization_id AND n.id = d.notice_id
    WHERE d.organization_id = $1 AND d.address = $2 AND d.mail_id IS NULL
      AND n.happened_at < ${lastHour('$3')} ORDER BY d.notice_id FOR UPDATE OF d`,
  values: [organizationId, address, hour],
});

export const putIntoMail = (
  organizationId: string,
  address: string,
  noticeIds: readonly string[],
  mailId: string,
): Statement => ({
  text: `UPDATE notices.deliveries SET mail_id = $4
    WHERE organization_id = $1 AND address = $2 AND notice_id = ANY ($3) AND mail_id IS NULL`,
  values: [organizationId, address, noticeIds, mailId],
});

/** The last time the clock showed that hour in UTC. */
function lastHour(hour: string): string {
  return `(SELECT CASE WHEN at <= now THEN at ELSE at - interval '1 day' END FROM (
    SELECT bursar.now() AS now, (date_trunc('day', bursar.now() AT TIME ZONE 'UTC')
      + make_interval(hours => ${hour})) AT TIME ZONE 'UTC' AS at) AS today)`;
}

export interface SentRow extends NoticeRow {
  readonly address: string | null;
  readonly state: 'queued' | 'sent' | 'failed' | null;
  readonly problem: string | null;
  readonly endedAt: Date | null;
  readonly mailId: string | null;
}

/** The newest notices of an organization, one row for each address they went to. */
export const listNotices = (organizationId: string, limit: number): Statement => ({
  text: `SELECT ${NOTICE}, d.address, d.mail_id AS "mailId", m.state, m.problem,
      m.ended_at AS "endedAt"
    FROM (SELECT * FROM notices.notices WHERE organization_id = $1
           ORDER BY happened_at DESC, id DESC LIMIT $2) AS n
    LEFT JOIN notices.deliveries d ON d.organization_id = n.organization_id AND d.notice_id = n.id
    LEFT JOIN notices.mails m ON m.organization_id = d.organization_id AND m.id = d.mail_id
    ORDER BY n.happened_at DESC, n.id DESC, d.address`,
  values: [organizationId, limit],
});

/** Addresses whose newest mail could not be delivered. */
export const unreached = (organizationId: string): Statement => ({
  text: `SELECT address, problem, ended_at AS at FROM (
      SELECT DISTINCT ON (address) address, state, problem, ended_at FROM notices.mails
       WHERE organization_id = $1 AND ended_at IS NOT NULL
       ORDER BY address, ended_at DESC, id DESC) AS newest
    WHERE state = 'failed' ORDER BY address`,
  values: [organizationId],
});
