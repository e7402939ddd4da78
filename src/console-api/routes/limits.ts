import { setSpendLimit } from '#charging/limits';
import { readDeployment } from '#db/deployment';
import { recordAudit } from '#identity/audit';
import { formatUsd, parseUsd } from '#kernel/money';
import { type ApiKey, listApiKeys } from '#orgs/api-keys';
import { readHoldPolicy } from '#orgs/hold-policy';
import { emailsOf } from '#orgs/members';
import { readOrganization } from '#orgs/organizations';
import { readSpendLimits, type SpendLimit } from '#orgs/spend-limits';
import { listWorkspaces } from '#orgs/workspaces';
import {
  done,
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
  const [limits, { subjects, past }, { now }] = await Promise.all([
    readSpendLimits(pool, organizationId),
    subjectsOf(deps, organizationId),
    readDeployment(pool),
  ]);
  const emails = await emailsOf(
    pool,
    limits.map(({ setBy }) => setBy),
  );
  const named = new Map([...subjects, ...past].map((one) => [one.subject_id, one.subject]));
  const limited = new Set(limits.filter(({ level }) => level !== 'tier').map((l) => l.subjectId));
  return {
    limits: limits.map((limit) => limitView(limit, named, emails)),
    resets_at: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString(),
    unlimited: subjects.filter(({ subject_id }) => !limited.has(subject_id)),
  };
}

/** The organization, its workspaces and its keys; apart from those the keys that spend no more. */
async function subjectsOf(
  { pool }: ConsoleDeps,
  organizationId: string,
): Promise<{ subjects: Subject[]; past: Subject[] }> {
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
  };
}

/** Who set a limit, where it was no person. */
const SETTERS: Readonly<Record<string, string>> = { operator: 'Operator', tier: 'Tier' };

const limitView = (
  limit: SpendLimit,
  named: ReadonlyMap<string, string>,
  emails: ReadonlyMap<string, string>,
): SpendLimitView => ({
  level: limit.level,
  subject_id: limit.subjectId,
  subject: named.get(limit.subjectId) ?? limit.subjectId,
  amount_usd: formatUsd(limit.amount),
  action: limit.action,
  charged_usd: formatUsd(limit.charged),
  held_usd: formatUsd(limit.held),
  reached_at: limit.reachedAt?.toISOString() ?? null,
  set_by: emails.get(limit.setBy) ?? SETTERS[limit.setBy] ?? 'Admin key',
  set_at: limit.setAt.toISOString(),
});
