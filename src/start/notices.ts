import type { NoticesDeps } from '#notices/deps';
import type { PaymentsDeps } from '#payments/deps';
import type { Parts } from '#src/start/edges';
import { mailerOf } from '#src/start/mailer';

const DOMAIN = /@([A-Za-z0-9.-]+)>?\s*$/;

const codesOf = (error: Error) => ({
  code: Reflect.get(error, 'code'),
  command: Reflect.get(error, 'command'),
  status: Reflect.get(error, 'responseCode'),
});

/** Who is told what, and by what mail server. */
export function noticesOf(parts: Parts, payments: PaymentsDeps): NoticesDeps {
  const { config, pool, entropy, consoleUrl, pepper, log } = parts;
  return {
    ...{ pool, entropy, consoleUrl, pepper, log },
    // The server's words may quote the address.
    courier: mailerOf(config, entropy, (error) => log.error(codesOf(error), 'mail failed')),
    brand: config.brand ?? 'Bursar',
    mailDomain: DOMAIN.exec(config.mailFrom)?.[1] ?? 'localhost',
    operators: config.operatorMails,
    cards: { provider: payments.processor.name, environment: payments.environment },
  };
}
