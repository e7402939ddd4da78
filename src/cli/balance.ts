import { type Answer, done, failed, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';

async function balance(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const read = await readBalance(system.pool, organizationId);
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
    .description('what an organization may spend now')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(balance));
}
