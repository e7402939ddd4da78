import { normalizeEmail } from '#orgs/members';
import type { Config } from '#src/config';
import type { EnvironmentReader } from '#src/start/environment';
import { FIRST_OWNER } from '#src/start/first-owner';

const EMAIL = /^[^\s\p{Cc}@<>,;]{1,64}@[^\s\p{Cc}@<>,;]{1,189}$/u;

/** People who run this deployment. Every entry that is no address is named. */
export function readOperators(read: EnvironmentReader): readonly string[] | undefined {
  const variable = 'BURSAR_OPERATOR_EMAILS';
  const entries = (read.text(variable) ?? '').split(/[\s,;]+/).filter((entry) => entry !== '');
  if (entries.length === 0) return undefined;
  const wrong = entries.filter((entry) => !EMAIL.test(entry));
  if (wrong.length === 0) return [...new Set(entries.map(normalizeEmail))];
  read.problem(variable, wrong.join(', '), 'e-mail addresses with commas between');
  return undefined;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

/**
 * Who may open the operator's page. Nobody unless named, but for a trial on one machine with
 * simulated money: there the first owner looks after it.
 */
export function operatorsOf(
  config: Pick<Config, 'operatorEmails' | 'host' | 'production' | 'stripe'>,
): ReadonlySet<string> {
  const { operatorEmails, host, production, stripe } = config;
  if (operatorEmails !== undefined) return new Set(operatorEmails);
  const simulated = stripe.secretKey === undefined && stripe.apiUrl === undefined;
  const trial = simulated && !production && LOOPBACK.test(host);
  return new Set(trial ? [FIRST_OWNER] : []);
}
