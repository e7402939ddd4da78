import { join } from 'node:path';
import { developmentMailbox, type Mailer, smtpMailer } from '#identity/mail';
import type { Entropy } from '#kernel/ids';
import type { Config } from '#src/config';

/** Mail over SMTP where that is configured, else files in the data directory. */
export function mailerOf(
  config: Config,
  entropy: Entropy,
  onFailure: (error: Error) => void,
): Mailer {
  const from = config.mailFrom;
  if (config.smtpUrl !== undefined) {
    return smtpMailer({ url: config.smtpUrl.reveal(), from }, onFailure);
  }
  const directory = join(config.dataDir, 'mailbox');
  return developmentMailbox({ directory, from, entropy }, onFailure);
}
