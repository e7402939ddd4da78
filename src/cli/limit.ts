import { InvalidArgumentError } from 'commander';
import { setSpendLimit } from '#charging/limits';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import {
  LIMIT_ACTIONS,
  type LimitAction,
  type LimitLevel,
  readSpendLimits,
  type SpendLimit,
} from '#orgs/spend-limits';

interface SetOptions {
  org: string;
  workspace?: string;
  key?: string;
  usd: NanoUsd | null;
  action: LimitAction;
}

const OPERATOR = 'operator';

function amount(text: string): NanoUsd | null {
  if (text === 'none') return null;
  const parsed = parseUsd(text);
  if (parsed === undefined || parsed < 0n) {
    throw new InvalidArgumentError(
      'Use an amount such as 25 or 0.50, or none to remove the limit.',
    );
  }
  return parsed;
}

function action(text: string): LimitAction {
  const known = LIMIT_ACTIONS.find((name) => name === text);
  if (known === undefined) throw new InvalidArgumentError(`Use ${LIMIT_ACTIONS.join(' or ')}.`);
  return known;
}

const limitJson = (limit: SpendLimit) => ({
  level: limit.level,
  subject_id: limit.subjectId,
  amount_usd: formatUsd(limit.amount),
  action: limit.action,
  month: limit.month,
  charged_usd: formatUsd(limit.charged),
  held_usd: formatUsd(limit.held),
  reached_at: limit.reachedAt?.toISOString() ?? null,
  set_by: limit.setBy,
  set_at: limit.setAt.toISOString(),
});

function subject(options: SetOptions): { level: LimitLevel; subjectId: string } {
  if (options.key !== undefined) return { level: 'api_key', subjectId: options.key };
  if (options.workspace !== undefined) return { level: 'workspace', subjectId: options.workspace };
  return { level: 'organization', subjectId: options.org };
}

async function set(system: System, options: SetOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  if (options.key !== undefined && options.workspace !== undefined) {
    return failed('invalid_subject', 'Name a workspace or a key, not both.');
  }
  const { level, subjectId } = subject(options);
  const outcome = await system.pool.transaction(async (tx) => {
    const { usd, action: chosen } = options;
    const change = { organizationId, level, subjectId, amount: usd, action: chosen };
    const set = await setSpendLimit(tx, { ...change, setBy: OPERATOR });
    if (set === 'set') {
      await recordAudit(tx, {
        organizationId,
        actor: OPERATOR,
        action: 'spend_limit.set',
        subject: subjectId,
        reason: usd === null ? 'none' : `$${formatUsd(usd)} ${chosen}`,
        requestId: null,
      });
    }
    return set;
  });
  if (outcome === 'unknown_subject') {
    return failed('subject_not_found', `${options.org} has no ${level} ${subjectId}.`);
  }
  const limits = await readSpendLimits(system.pool, options.org);
  const limit = limits.find((l) => l.level === level && l.subjectId === subjectId);
  if (limit === undefined) {
    const removed = { level, subject_id: subjectId, amount_usd: null };
    return done(removed, `${subjectId} has no limit.`);
  }
  const text = `${subjectId}: $${formatUsd(limit.amount)} a month, ${limit.action}`;
  return done(limitJson(limit), text);
}

async function list(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const limits = await readSpendLimits(system.pool, options.org);
  const rows = limits.map((l) => [
    l.subjectId,
    `$${formatUsd(l.amount)}`,
    l.action,
    `charged $${formatUsd(l.charged)}`,
    `held $${formatUsd(l.held)}`,
  ]);
  return done({ data: limits.map(limitJson) }, table(rows));
}

export function addLimitVerbs({ program, onSystem }: Verbs): void {
  const limit = program.command('limit').description('spend limits per calendar month (UTC)');
  limit
    .command('set')
    .description('limit an organization, one of its workspaces or one of its keys')
    .requiredOption('--org <id>', 'whose')
    .option('--workspace <id>', 'limit this workspace')
    .option('--key <id>', 'limit this key')
    .requiredOption('--usd <amount>', 'per month; 0 blocks everything, none removes it', amount)
    .option('--action <action>', LIMIT_ACTIONS.join(' or '), action, 'notify_and_pause')
    .action(onSystem(set));
  limit
    .command('list')
    .description('every limit, with what this month has used of it')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(list));
}
