/**
 * What the Notices page, the page a mail's links lead to, the development mailbox and their server
 * say. Shared with the browser, hence zod/mini and no other import. Amounts and times as in
 * `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const time = z.string();
const role = z.enum(['limited_developer', 'developer', 'billing', 'admin']);
const topic = z.string().check(z.maxLength(40));
const address = z.string().check(z.trim(), z.maxLength(254));

// GET /api/notices; every POST but that of a link answers the same.
export const noticesResponse = z.object({
  settings: z.object({
    low_balance_usd: z.nullable(usd),
    runway_days: z.nullable(z.int()),
    limit_steps: z.array(z.int()),
    digest: z.boolean(),
  }),
  topics: z.array(
    z.object({
      topic,
      title: z.string(),
      about: z.string(),
      /** Nobody can unsubscribe, and it never goes to nobody. */
      mandatory: z.boolean(),
      roles: z.array(role),
    }),
  ),
  addresses: z.array(z.object({ address, topics: z.array(topic), confirmed_at: z.nullable(time) })),
  /** Who unsubscribed from what. */
  opt_outs: z.array(z.object({ address, topic, title: z.string(), mine: z.boolean() })),
  unreached: z.array(z.object({ address, words: z.string(), at: time })),
  notices: z.array(
    z.object({
      id: z.string(),
      at: time,
      severity: z.enum(['urgent', 'warning', 'info']),
      headline: z.string(),
      mails: z.array(
        z.object({
          address,
          state: z.enum(['waiting', 'queued', 'sent', 'failed']),
          words: z.nullable(z.string()),
          at: z.nullable(time),
        }),
      ),
    }),
  ),
});
export type NoticesResponse = z.infer<typeof noticesResponse>;
export type NoticeRole = z.infer<typeof role>;

// POST /api/notices/settings
export const noticeSettingsRequest = z.object({
  low_balance_usd: z.nullable(z.string().check(z.trim(), z.maxLength(30))),
  runway_days: z.nullable(z.number()),
  limit_steps: z.array(z.number()).check(z.maxLength(20)),
  digest: z.boolean(),
  roles: z.record(topic, z.array(role)),
});
export type NoticeSettingsRequest = z.infer<typeof noticeSettingsRequest>;

// POST /api/notices/addresses, POST /api/notices/addresses/remove
export const noticeAddressRequest = z.object({
  address: z
    .string()
    .check(z.trim(), z.maxLength(254), z.regex(/^[^\s\p{Cc}@<>,]{1,64}@[^\s\p{Cc}@<>,]{1,189}$/u)),
  topics: z.array(topic).check(z.maxLength(20)),
});
export const noticeAddressRemoval = z.object({ address });

// POST /api/notices/resume: mails of a topic that oneself unsubscribed from.
export const noticeResumeRequest = z.object({ topic });

// POST /api/notices/link: from a mail, without signing in.
export const noticeLinkRequest = z.object({
  do: z.enum(['confirm', 'stop']),
  organization: z.string().check(z.maxLength(100)),
  address,
  topic,
  signature: z.string().check(z.maxLength(100)),
});
export type NoticeLinkRequest = z.infer<typeof noticeLinkRequest>;
export const noticeLinkResponse = z.object({ done: z.string() });

// GET /api/mailbox, newest first; GET /api/mailbox/:id. Only without a mail server, and only here.
const mailHead = z.object({
  id: z.string(),
  at: time,
  to: z.string(),
  subject: z.string(),
});
export const mailboxResponse = z.object({ data: z.array(mailHead) });
export const mailboxMail = z.object({
  ...mailHead.shape,
  headers: z.array(z.object({ name: z.string(), value: z.string() })),
  text: z.string(),
  has_html: z.boolean(),
});
export type MailboxMail = z.infer<typeof mailboxMail>;
