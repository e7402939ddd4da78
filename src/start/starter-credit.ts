import { recordAudit } from '#identity/audit';
import { NANOS_PER_USD, type NanoUsd, nanos, parseUsd } from '#kernel/money';
import type { StarterTerms } from '#payments/starter-rules';
import type { EnvironmentReader } from '#src/start/environment';

/** What is given to begin with, as configured. */
export interface StarterCredit {
  readonly amount: NanoUsd;
  readonly days: number;
  readonly prepaidCounts: boolean;
}

/** More than this to everybody who comes is a slip of the keyboard. */
const MOST_USD = 1_000n;
const DAYS_MOST = 3_650;
const DAYS = 90;

const AMOUNT = 'BURSAR_STARTER_CREDIT_USD';
const LIFETIME = 'BURSAR_STARTER_CREDIT_DAYS';
const PREPAID = 'BURSAR_STARTER_CREDIT_PREPAID';

/** Undefined: nothing is given, which is so unless an amount is named. */
export function readStarterCredit(read: EnvironmentReader): StarterCredit | undefined {
  const days = read.integer(LIFETIME, 1, DAYS_MOST, DAYS);
  const prepaidCounts = read.oneOf(PREPAID, ['on', 'off'] as const, 'off') === 'on';
  const text = read.text(AMOUNT);
  if (text === undefined) {
    for (const variable of [LIFETIME, PREPAID]) {
      if (read.text(variable) === undefined) continue;
      read.problem(AMOUNT, undefined, `an amount such as 5, because ${variable} is set`);
      break;
    }
    return undefined;
  }
  const amount = parseUsd(text);
  if (amount === undefined || amount < 0n || amount > nanos(MOST_USD * NANOS_PER_USD)) {
    read.problem(AMOUNT, text, `US dollars from 0 (nothing is given) to ${MOST_USD}`);
    return undefined;
  }
  return amount === 0n ? undefined : { amount, days, prepaidCounts };
}

/** The same as payments needs it. */
export const starterTerms = (
  { starterCredit }: { readonly starterCredit: StarterCredit | undefined },
  secret: Buffer,
): { readonly starter?: StarterTerms } =>
  starterCredit === undefined
    ? {}
    : {
        starter: {
          ...starterCredit,
          secret,
          audit: (tx, { organizationId, userId, grantId }) =>
            recordAudit(tx, {
              organizationId,
              actor: userId,
              action: 'grant.starter',
              subject: grantId,
              requestId: null,
            }),
        },
      };
