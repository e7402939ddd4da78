import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { assertOutsideTransaction } from '#db/transaction';
import type { Entropy } from '#kernel/ids';

export interface MailMessage {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
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
): Mailer {
  const transport = createTransport({
    url: options.url,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    // A message is text we wrote; it never asks the mailer to read a file or fetch a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(message) {
      assertOutsideTransaction('sending mail');
      try {
        await transport.sendMail({ ...message, from: options.from });
        return true;
      } catch (error) {
        onFailure(error instanceof Error ? error : new Error(String(error)));
        return false;
      }
    },
  };
}

const headerLine = (name: string, value: string): string =>
  // A line break in a value would start another header.
  `${name}: ${value.replace(/[\r\n]+/g, ' ')}`;

/** A whole message, its text as it is: links stay on one line for whoever searches the file. */
function plainMessage(message: MailMessage, from: string, at: Date): string {
  const head = [
    headerLine('From', from),
    headerLine('To', message.to),
    headerLine('Subject', message.subject),
    headerLine('Date', at.toUTCString()),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ];
  return `${head.join('\n')}\n\n${message.text}`;
}

/**
 * Messages become files that only their owner can read, named so that they sort by time. Written
 * aside and renamed, so that whoever watches the folder never reads half a message.
 */
export function developmentMailbox(
  options: { readonly directory: string; readonly from: string; readonly entropy: Entropy },
  onFailure: MailFailure,
): Mailer {
  const { directory, from, entropy } = options;
  return {
    async send(message) {
      assertOutsideTransaction('sending mail');
      const now = entropy.nowMs();
      const file = join(directory, `${now}-${Buffer.from(entropy.bytes(4)).toString('hex')}.eml`);
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const text = plainMessage(message, from, new Date(now));
        await writeFile(`${file}.part`, text, { mode: 0o600, flag: 'wx' });
        await rename(`${file}.part`, file);
        return true;
      } catch (error) {
        onFailure(error instanceof Error ? error : new Error(String(error)));
        return false;
      }
    },
  };
}
