import { type Answer, done, failed, parseTime, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { readDeployment } from '#db/deployment';
import { parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { readBalanceAsOf } from '#ledger/as-of';
import { type Balance, readBalance } from '#ledger/balance';

interface BalanceOptions {
  readonly org: string;
  readonly asOf?: string;
  readonly by?: string;
}

async function balance(system: System, options: BalanceOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const { asOf, by = 'recorded' } = options;
  if (by !== 'effective' && by !== 'recorded') {
    return failed('invalid_time_basis', `--by is effective or recorded, not "${by}".`);
  }
  if (asOf === undefined && options.by !== undefined) {
    return failed('as_of_missing', '--by says how to read --as-of; name a time with --as-of too.');
  }
  if (asOf === undefined) return shown(await readBalance(system.pool, organizationId));
  const at = parseTime(asOf);
  if (at === undefined) {
    return failed('invalid_time', `--as-of "${asOf}" is not a time such as 2026-11-21T13:00:00Z.`);
  }
  const { now } = await readDeployment(system.pool);
  if (at > now) {
    return failed(
      'time_in_the_future',
      `It is ${now.toISOString()}; --as-of ${asOf} is still to come.`,
    );
  }
  return shown(await readBalanceAsOf(system.pool, organizationId, at, by));
}

function shown(read: Balance): Answer {
  const json = {
    available_usd: formatUsd(read.available),
    held_usd: formatUsd(read.held),
    frozen_usd: formatUsd(read.frozen),
    debt_usd: formatUsd(read.debt),
    grants: read.grants.map((grant) => ({
      id: grant.id,
      kind: grant.kind,
      state: grant.state,
      amount_usd: formatUsd(grant.amount),
      remaining_usd: formatUsd(grant.remaining),
      granted_at: grant.grantedAt.toISOString(),
      expires_at: grant.expiresAt.toISOString(),
    })),
  };
  const rows = [
    ['available', `$${json.available_usd}`],
    ['held', `$${json.held_usd}`],
    ['frozen', `$${json.frozen_usd}`],
    ['debt', `$${json.debt_usd}`],
  ];
  const grants = json.grants.map(({ id, kind, state, remaining_usd, expires_at }) => [
    id,
    kind,
    state,
    `$${remaining_usd}`,
    `until ${expires_at}`,
  ]);
  return done(json, `${table(rows)}\n${table(grants)}`.trimEnd());
}

export function addBalanceVerb({ program, onSystem }: Verbs): void {
  program
    .command('balance')
    .description('what an organization may spend, now or at a time of the past')
    .requiredOption('--org <id>', 'whose')
    .option('--as-of <time>', 'at this instant instead of now')
    .option('--by <basis>', 'recorded: what the ledger knew then; effective: what had happened')
    .action(onSystem(balance));
}
