import { type Answer, done, failed, parseTime, type System } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { readDeployment } from '#db/deployment';
import { newId, parseId } from '#kernel/ids';
import { formatUsd, parseUsd } from '#kernel/money';
import { issueGrant } from '#ledger/grants';

interface GrantOptions {
  org: string;
  usd: string;
  kind: string;
  expires?: string;
  reason?: string;
}

async function grant(system: System, options: GrantOptions): Promise<Answer> {
  const amount = parseUsd(options.usd);
  if (amount === undefined || amount <= 0n) {
    return failed('invalid_amount', `"${options.usd}" is not an amount above 0 such as 5 or 2.50.`);
  }
  const kind = (['promotional', 'adjustment'] as const).find((each) => each === options.kind);
  if (kind === undefined) {
    return failed('invalid_kind', 'A grant is promotional or adjustment; purchases are paid for.');
  }
  const expiresAt = options.expires === undefined ? undefined : parseTime(options.expires);
  if (options.expires !== undefined) {
    if (expiresAt === undefined) {
      return failed('invalid_time', `"${options.expires}" is not a time such as 2030-01-31.`);
    }
    const { now } = await readDeployment(system.pool);
    if (expiresAt <= now) return failed('already_expired', 'The grant would be expired at once.');
  }
  const organizationId = parseId('organization', options.org);
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const grantId = newId('grant', system.entropy);
  const issued = await system.pool.transaction((tx) =>
    issueGrant(tx, {
      organizationId,
      grantId,
      kind,
      amount,
      source: grantId,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    }),
  );
  const expires = issued.expiresAt.toISOString();
  const json = { id: issued.grantId, amount_usd: formatUsd(amount), expires_at: expires };
  return done(json, `Granted $${json.amount_usd} until ${expires} (${json.id}).`);
}

export function addGrantVerb({ program, onSystem }: Verbs): void {
  program
    .command('grant')
    .description('give an organization credit that nobody paid for')
    .requiredOption('--org <id>', 'who gets it')
    .requiredOption('--usd <amount>', 'how much, up to nine decimals')
    .option('--kind <kind>', 'promotional or adjustment', 'promotional')
    .option('--expires <time>', 'default: one year from now')
    .option('--reason <text>', 'why, for the books')
    .action(onSystem(grant));
}
