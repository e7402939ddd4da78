import { InvalidArgumentError } from 'commander';
import { setSpendLimit } from '#charging/limits';
import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import {
  LIMIT_ACTIONS,
  type LimitAction,
  type LimitLevel,
  readLimitChanges,
  readSpendLimits,
  resetsAt,
  type SpendLimit,
  setterOf,
} from '#orgs/spend-limits';

/** Not null for none: commander takes a null of a parser for an option without a value. */
type Amount = NanoUsd | 'none';

interface SetOptions {
  org: string;
  workspace?: string;
  key?: string;
  usd: Amount;
  action: LimitAction;
}

function amount(text: string): Amount {
  if (text === 'none') return text;
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
  resets_at: resetsAt(limit).toISOString(),
  set_by: limit.setBy,
  set_by_type: setterOf(limit.setBy),
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
    const limited = usd === 'none' ? null : usd;
    const change = { organizationId, level, subjectId, amount: limited, action: chosen };
    const set = await setSpendLimit(tx, { ...change, setBy: OPERATOR });
    if (set === 'set') {
      await recordAudit(tx, {
        organizationId,
        actor: OPERATOR,
        action: 'spend_limit.set',
        subject: subjectId,
        reason: usd === 'none' ? usd : `$${formatUsd(usd)} ${chosen}`,
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
    l.level,
    l.subjectId,
    `$${formatUsd(l.amount)}`,
    l.action,
    `charged $${formatUsd(l.charged)}`,
    `held $${formatUsd(l.held)}`,
    `set by ${l.setBy} ${l.setAt.toISOString()}`,
    l.reachedAt === null ? '' : `reached ${l.reachedAt.toISOString()}`,
  ]);
  const text = limits.length === 0 ? 'no limits' : table(rows);
  return done({ data: limits.map(limitJson) }, text);
}

const CHANGES_MOST = 1_000;

/** Who set, changed or removed which limit when, newest first. */
async function changes(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const told = await readLimitChanges(system.pool, options.org, CHANGES_MOST);
  const usd = (amount: NanoUsd | null) => (amount === null ? 'none' : `$${formatUsd(amount)}`);
  const rows = told.map((one) => [
    one.setAt.toISOString(),
    one.setBy,
    one.level,
    one.subjectId,
    `${usd(one.before)} -> ${usd(one.amount)}`,
    one.action ?? '',
  ]);
  const data = told.map((one) => ({
    at: one.setAt.toISOString(),
    set_by: one.setBy,
    set_by_type: setterOf(one.setBy),
    level: one.level,
    subject_id: one.subjectId,
    amount_usd: one.amount === null ? null : formatUsd(one.amount),
    previous_amount_usd: one.before === null ? null : formatUsd(one.before),
    action: one.action,
  }));
  return done({ data }, told.length === 0 ? 'no limit was ever set' : table(rows));
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
  limit
    .command('changes')
    .description('who set, changed or removed which limit, newest first')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(changes));
}
