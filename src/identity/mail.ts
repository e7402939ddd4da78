import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { assertOutsideTransaction } from '#db/transaction';
import type { Entropy } from '#kernel/ids';

export interface MailMessage {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for readers that show it; the text is always there. */
  readonly html?: string;
  /** Of the same mail always the same, `local@domain`: who gets it twice is shown it once. */
  readonly id?: string;
  /** Where its reader can ask for no more of the kind. */
  readonly unsubscribeUrl?: string;
}

/** What became of handing a mail over. `problem` is our word for it, never the server's. */
export type Handed =
  | { readonly outcome: 'accepted' }
  /** The address is refused for good. */
  | { readonly outcome: 'refused'; readonly problem: 'address_refused' }
  /** Nothing about the address: another try may do. */
  | {
      readonly outcome: 'unavailable';
      readonly problem: 'mail_server_unreachable' | 'mail_server_refused';
    };

/** Hands mails over and says what became of them, for whoever tries again. */
export interface Courier {
  deliver(message: MailMessage): Promise<Handed>;
}

/** Hands a message over. False if it could not be; why is the operator's business alone. */
export interface Mailer {
  send(message: MailMessage): Promise<boolean>;
}

export type MailFailure = (error: Error) => void;

/** Long enough for a slow relay, short enough for a person who waits for the page. */
const SMTP_TIMEOUT_MS = 10_000;

export function smtpMailer(
  options: { readonly url: string; readonly from: string },
  onFailure: MailFailure,
): Mailer & Courier {
  const transport = createTransport({
    url: options.url,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    // A message is text we wrote; it never asks the mailer to read a file or fetch a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const deliver = async (message: MailMessage): Promise<Handed> => {
    assertOutsideTransaction('sending mail');
    const { to, subject, text, html, id, unsubscribeUrl } = message;
    try {
      await transport.sendMail({
        ...{ to, subject, text, from: options.from },
        ...(html === undefined ? {} : { html }),
        ...(id === undefined ? {} : { messageId: `<${id}>` }),
        headers: extraHeaders(id, unsubscribeUrl),
      });
      return { outcome: 'accepted' };
    } catch (error) {
      onFailure(error instanceof Error ? error : new Error(String(error)));
      return whyNot(error);
    }
  };
  return { deliver, send: async (message) => (await deliver(message)).outcome === 'accepted' };
}

const extraHeaders = (
  id: string | undefined,
  unsubscribeUrl: string | undefined,
): Record<string, string> => ({
  // A vacation reply to what no person wrote helps nobody.
  ...(id === undefined ? {} : { 'Auto-Submitted': 'auto-generated' }),
  ...(unsubscribeUrl === undefined ? {} : { 'List-Unsubscribe': `<${unsubscribeUrl}>` }),
});

/** Only a server that refuses the very recipient says something about the address. */
function whyNot(error: unknown): Handed {
  const said = (name: string): unknown =>
    typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  const status = said('responseCode');
  if (typeof status !== 'number') {
    return { outcome: 'unavailable', problem: 'mail_server_unreachable' };
  }
  const final = status >= 500 && said('code') === 'EENVELOPE' && said('command') === 'RCPT TO';
  return final
    ? { outcome: 'refused', problem: 'address_refused' }
    : { outcome: 'unavailable', problem: 'mail_server_refused' };
}

const headerLine = (name: string, value: string): string =>
  // A line break in a value would start another header.
  `${name}: ${value.replace(/[\r\n]+/g, ' ')}`;

/** Between the parts of a message; no text of ours has a line like it. */
const BOUNDARY = 'bursar-part-d1f2c6a0b5';
const PLAIN = ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'];
const HTML = ['Content-Type: text/html; charset=utf-8', 'Content-Transfer-Encoding: 8bit'];

/** A whole message, its text as it is: links stay on one line for whoever searches the file. */
function plainMessage(message: MailMessage, from: string, at: Date): string {
  const { id, unsubscribeUrl, html, text } = message;
  const head = [
    headerLine('From', from),
    headerLine('To', message.to),
    headerLine('Subject', message.subject),
    headerLine('Date', at.toUTCString()),
    ...(id === undefined ? [] : [headerLine('Message-ID', `<${id}>`)]),
    ...Object.entries(extraHeaders(id, unsubscribeUrl)).map(([name, value]) =>
      headerLine(name, value),
    ),
    'MIME-Version: 1.0',
  ];
  if (html === undefined) return [...head, ...PLAIN, '', text].join('\n');
  return [
    ...[...head, `Content-Type: multipart/alternative; boundary="${BOUNDARY}"`, ''],
    ...[`--${BOUNDARY}`, ...PLAIN, '', text],
    ...[`--${BOUNDARY}`, ...HTML, '', html],
    `--${BOUNDARY}--\n`,
  ].join('\n');
}

/**
 * Messages become files that only their owner can read, named so that they sort by time. Written
 * aside and renamed, so that whoever watches the folder never reads half a message.
 */
export function developmentMailbox(
  options: { readonly directory: string; readonly from: string; readonly entropy: Entropy },
  onFailure: MailFailure,
): Mailer & Courier {
  const { directory, from, entropy } = options;
  const deliver = async (message: MailMessage): Promise<Handed> => {
    assertOutsideTransaction('sending mail');
    const now = entropy.nowMs();
    const file = join(directory, `${now}-${Buffer.from(entropy.bytes(4)).toString('hex')}.eml`);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const text = plainMessage(message, from, new Date(now));
      await writeFile(`${file}.part`, text, { mode: 0o600, flag: 'wx' });
      await rename(`${file}.part`, file);
      return { outcome: 'accepted' };
    } catch (error) {
      onFailure(error instanceof Error ? error : new Error(String(error)));
      return { outcome: 'unavailable', problem: 'mail_server_unreachable' };
    }
  };
  return { deliver, send: async (message) => (await deliver(message)).outcome === 'accepted' };
}
