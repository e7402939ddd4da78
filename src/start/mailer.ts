import { join } from 'node:path';
import { type Courier, developmentMailbox, type Mailer, smtpMailer } from '#identity/mail';
import type { Entropy } from '#kernel/ids';
import type { Config } from '#src/config';

/** Mail over SMTP where that is configured, else files in the data directory. */
export function mailerOf(
  config: Config,
  entropy: Entropy,
  onFailure: (error: Error) => void,
): Mailer & Courier {
  const from = config.mailFrom;
  if (config.smtpUrl !== undefined) {
    return smtpMailer({ url: config.smtpUrl.reveal(), from }, onFailure);
  }
  const directory = mailboxOf(config);
  return developmentMailbox({ directory, from, entropy }, onFailure);
}

/** Where mails are found that no server took. */
export const mailboxOf = (config: Pick<Config, 'dataDir'>): string =>
  join(config.dataDir, 'mailbox');

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

/** Mails sign people in, so the Console shows them only in a simulation that only this machine reaches. */
export function mailboxToShow(
  config: Pick<Config, 'dataDir' | 'production' | 'host'> & { readonly smtpUrl: unknown },
  simulated: boolean,
): { readonly mailbox?: string } {
  const open = simulated && config.smtpUrl === undefined && !config.production;
  return open && LOOPBACK.test(config.host) ? { mailbox: mailboxOf(config) } : {};
}
