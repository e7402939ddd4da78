import { setSpendLimit } from '#charging/limits';
import { readDeployment } from '#db/deployment';
import { recordAudit } from '#identity/audit';
import { formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import { type ApiKey, listApiKeys } from '#orgs/api-keys';
import { readHoldPolicy } from '#orgs/hold-policy';
import { emailsOf } from '#orgs/members';
import { readOrganization } from '#orgs/organizations';
import {
  type LimitChange,
  readLimitChanges,
  readSpendLimits,
  type SpendLimit,
  setterOf,
} from '#orgs/spend-limits';
import { listWorkspaces } from '#orgs/workspaces';
import {
  done,
  type LimitChange as LimitChangeView,
  type LimitsResponse,
  limitsResponse,
  type SpendLimit as SpendLimitView,
  setLimitRequest,
} from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { ratesView } from '../rates-view.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

type Subject = LimitsResponse['spending']['unlimited'][number];

/** Screen "Limits": how much may be spent in a month, and how fast. */
export function limitRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/limits',
    {
      onRequest: withAbility(deps, 'usage.view'),
      schema: { response: { 200: limitsResponse } },
    },
    async (request) => {
      const { organizationId } = memberOf(request);
      const [spending, rates, policy] = await Promise.all([
        spendingView(deps, organizationId),
        ratesView(deps.pool, deps, organizationId),
        readHoldPolicy(deps.pool, organizationId),
      ]);
      return { spending, rates, hold_policy: policy ?? 'full' };
    },
  );

  app.post(
    '/limits',
    {
      onRequest: withAbility(deps, 'limits.manage'),
      schema: { body: setLimitRequest, response: { 200: done } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const { level, subject_id: subjectId, amount_usd: text, action } = request.body;
      const amount = text === null ? null : parseUsd(text);
      if (amount === undefined || (amount !== null && amount < 0n)) {
        return refuse(reply, 'limit_amount');
      }
      const told = await deps.pool.transaction(async (tx) => {
        const change = { organizationId, level, subjectId, amount, action, setBy: userId };
        const outcome = await setSpendLimit(tx, change);
        if (outcome !== 'set') return outcome;
        await recordAudit(tx, {
          ...{ organizationId, actor: userId, action: 'spend_limit.set', subject: subjectId },
          reason: amount === null ? 'none' : `$${formatUsd(amount)} ${action}`,
          requestId: request.id,
        });
        return outcome;
      });
      return told === 'set' ? { ok: true as const } : refuse(reply, 'not_found');
    },
  );
}

async function spendingView(
  deps: ConsoleDeps,
  organizationId: string,
): Promise<LimitsResponse['spending']> {
  const { pool } = deps;
  const [limits, changes, { subjects, past, adminKeys }, { now }] = await Promise.all([
    readSpendLimits(pool, organizationId),
    readLimitChanges(pool, organizationId, CHANGES_SHOWN),
    subjectsOf(deps, organizationId),
    readDeployment(pool),
  ]);
  const emails = await emailsOf(
    pool,
    [...limits, ...changes].map(({ setBy }) => setBy),
  );
  const setters: Setters = new Map([...adminKeys, ...emails]);
  const named = new Map([...subjects, ...past].map((one) => [one.subject_id, one.subject]));
  const limited = new Set(limits.filter(({ level }) => level !== 'tier').map((l) => l.subjectId));
  return {
    limits: limits.map((limit) => limitView(limit, named, setters)),
    changes: changes.map((change) => changeView(change, named, setters)),
    resets_at: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString(),
    unlimited: subjects.filter(({ subject_id }) => !limited.has(subject_id)),
  };
}

/** The organization, its workspaces and its keys; apart from those the keys that spend no more. */
async function subjectsOf(
  { pool }: ConsoleDeps,
  organizationId: string,
): Promise<{ subjects: Subject[]; past: Subject[]; adminKeys: [string, string][] }> {
  const [organization, workspaces, all] = await Promise.all([
    readOrganization(pool, organizationId),
    listWorkspaces(pool, organizationId),
    listApiKeys(pool, organizationId),
  ]);
  const keys = all.filter(({ kind }) => kind === 'workspace');
  const spends = ({ status }: ApiKey) => ['active', 'inactive', 'paused'].includes(status);
  const subject = (level: Subject['level']) => (one: { id: string; name: string }) => ({
    ...{ level, subject_id: one.id, subject: one.name },
  });
  return {
    subjects: [
      { level: 'organization', subject_id: organizationId, subject: organization?.name ?? '' },
      ...workspaces.map(subject('workspace')),
      ...keys.filter(spends).map(subject('api_key')),
    ],
    past: keys.filter((key) => !spends(key)).map(subject('api_key')),
    adminKeys: all
      .filter(({ kind }) => kind === 'admin')
      .map(({ id, name }) => [id, `Admin key ${name}`]),
  };
}

/** What people call who can set a limit, by id. */
type Setters = ReadonlyMap<string, string>;

/** The same by kind, where the id is no longer known or is no id. */
const KINDS: Readonly<Record<LimitChangeView['set_by_kind'], string>> = {
  member: 'Former member',
  admin_key: 'Admin key',
  operator: 'Operator',
  tier: 'Tier',
};

const setterView = (setBy: string, setters: Setters) => {
  const kind = setterOf(setBy);
  return { set_by: setters.get(setBy) ?? KINDS[kind], set_by_kind: kind };
};

const CHANGES_SHOWN = 50;

const limitView = (
  limit: SpendLimit,
  named: ReadonlyMap<string, string>,
  setters: Setters,
): SpendLimitView => ({
  level: limit.level,
  subject_id: limit.subjectId,
  subject: named.get(limit.subjectId) ?? limit.subjectId,
  amount_usd: formatUsd(limit.amount),
  action: limit.action,
  charged_usd: formatUsd(limit.charged),
  held_usd: formatUsd(limit.held),
  reached_at: limit.reachedAt?.toISOString() ?? null,
  ...setterView(limit.setBy, setters),
  set_at: limit.setAt.toISOString(),
});

const usdOf = (amount: NanoUsd | null) => (amount === null ? null : formatUsd(amount));

const changeView = (
  change: LimitChange,
  named: ReadonlyMap<string, string>,
  setters: Setters,
): LimitChangeView => ({
  id: `${change.seq}`,
  at: change.setAt.toISOString(),
  level: change.level,
  subject_id: change.subjectId,
  subject: named.get(change.subjectId) ?? change.subjectId,
  amount_usd: usdOf(change.amount),
  action: change.action,
  before_usd: usdOf(change.before),
  ...setterView(change.setBy, setters),
});
