import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type LimitChange, setSpendLimit } from '#charging/limits';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { recordAudit } from '#identity/audit';
import { formatUsd, fromCents, type NanoUsd, parseUsd } from '#kernel/money';
import {
  LIMIT_ACTIONS,
  readLimitChanges,
  readSpendLimits,
  type SpendLimit,
} from '#orgs/spend-limits';
import { type AdminApp, type AdminCaller, type AdminDeps, documented, refuse } from './door.ts';
import { pageIn, pageOf } from './page.ts';
import {
  changeView,
  limitChange,
  limitId,
  limitView,
  SCOPE_TYPES,
  spendLimit,
} from './spend-limit-view.ts';

/** Below what nano-USD can hold: ten thousand million dollars. */
const CENTS = /^\d{1,12}$/;
const CENTS_FORM = 'expected cents in digits, such as "50000" for $500';
const USD_FORM = 'expected US dollars such as "500" or "0.50", or null to remove the limit';

const wireBody = z.object({
  amount: z.string({ error: CENTS_FORM }).regex(CENTS, { error: CENTS_FORM }),
  scope: z.discriminatedUnion(
    'type',
    [
      z.object({ type: z.literal('organization') }),
      z.object({ type: z.literal('workspace'), workspace_id: z.string() }),
    ],
    { error: 'expected {"type":"organization"} or {"type":"workspace","workspace_id":"…"}' },
  ),
  period: z.literal('monthly', { error: 'expected "monthly"' }).optional(),
});
const ownBody = z.object({
  amount_usd: z
    .string({ error: USD_FORM })
    .refine((text) => !text.startsWith('-') && parseUsd(text) !== undefined, { error: USD_FORM })
    .nullable(),
  action: z
    .enum(LIMIT_ACTIONS, { error: `expected ${LIMIT_ACTIONS.join(' or ')}` })
    .optional()
    .describe('as it was, or notify_and_pause, if absent'),
  workspace_id: z.string().optional().describe('limits this workspace'),
  api_key_id: z.string().optional().describe('limits this key'),
});

const scopeType = z.enum(SCOPE_TYPES, { error: `expected ${SCOPE_TYPES.join(', ')}` });
const scopeTypes = z
  .union([scopeType, z.array(scopeType)], { error: `expected ${SCOPE_TYPES.join(', ')}` })
  .optional();
const listQuery = z.object({
  'scope_type[]': scopeTypes,
  scope_type: scopeTypes,
  workspace_id: z.string({ error: 'expected one id' }).optional(),
});
const list = z
  .object({ data: z.array(spendLimit), next_page: z.null() })
  .meta({ id: 'SpendLimitPage' });
const removed = z
  .object({ id: z.string(), type: z.literal('spend_limit_deleted') })
  .meta({ id: 'SpendLimitDeleted' });
const byId = z.object({ id: z.string() });
const changeQuery = z.object(pageFields).refine(onOneSide, BOTH_SIDES);
const changePage = pageIn(limitChange, 'SpendLimitChangePage');
/** More than anybody sets by hand; older ones are in the audit trail. */
const CHANGES_MOST = 1_000;

type Subject = Pick<LimitChange, 'level' | 'subjectId'>;

export function spendLimitRoutes(app: AdminApp, deps: AdminDeps): void {
  readingRoutes(app, deps);
  changesRoute(app, deps);
  settingRoutes(app, deps);
}

function readingRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/spend_limits',
    {
      schema: {
        ...documented('Spend limits, newest first'),
        querystring: listQuery,
        response: { 200: list },
      },
    },
    async (request) => {
      const { organizationId } = deps.callerOf(request);
      const { query } = request;
      const wanted = [query['scope_type[]'] ?? query.scope_type ?? SCOPE_TYPES].flat();
      const limits = await readSpendLimits(deps.pool, organizationId);
      const data = limits
        .filter(({ subjectId }) => [undefined, subjectId].includes(query.workspace_id))
        .toSorted((one, other) => other.setAt.getTime() - one.setAt.getTime())
        .map(limitView)
        .filter(({ scope }) => wanted.includes(scope.type));
      return { data, next_page: null };
    },
  );

  app.get(
    '/spend_limits/:id',
    {
      schema: {
        ...documented('One spend limit'),
        params: byId,
        response: { 200: spendLimit },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const limits = await readSpendLimits(deps.pool, organizationId);
      const found = limits.find((limit) => limitId(limit) === request.params.id);
      return found === undefined ? refuse(request, reply, 'not_found') : limitView(found);
    },
  );
}

function changesRoute(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/spend_limits/changes',
    {
      schema: {
        ...documented('Who set, changed or removed which limit, newest first'),
        querystring: changeQuery,
        response: { 200: changePage },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const changes = await readLimitChanges(deps.pool, organizationId, CHANGES_MOST);
      const told = pageOf(changes.map(changeView), request.query);
      if (told.outcome === 'page') return told.page;
      return refuse(request, reply, 'invalid_request', { message: told.message });
    },
  );
}

function settingRoutes(app: AdminApp, deps: AdminDeps): void {
  app.post(
    '/spend_limits',
    {
      schema: {
        ...documented('Set the limit of the organization or of a workspace'),
        body: wireBody,
        response: { 200: spendLimit },
      },
    },
    async (request, reply) => {
      const { amount, scope } = request.body;
      const subject: Subject =
        scope.type === 'workspace'
          ? { level: 'workspace', subjectId: scope.workspace_id }
          : ofOrganization(deps.callerOf(request));
      const told = await set(deps, request, { ...subject, amount: fromCents(BigInt(amount)) });
      return typeof told === 'string' ? refuse(request, reply, 'not_found') : limitView(told);
    },
  );

  app.put(
    '/spend_limits',
    {
      schema: {
        ...documented('Set, change or (null) remove the limit of the organization or a part of it'),
        body: ownBody,
        response: { 200: z.union([spendLimit, removed]) },
      },
    },
    async (request, reply) => {
      const { amount_usd: text, action, workspace_id, api_key_id } = request.body;
      if (workspace_id !== undefined && api_key_id !== undefined) {
        const message = 'api_key_id: expected none, because workspace_id is given too';
        return refuse(request, reply, 'invalid_request', { message });
      }
      const subject: Subject =
        workspace_id !== undefined
          ? { level: 'workspace', subjectId: workspace_id }
          : api_key_id !== undefined
            ? { level: 'api_key', subjectId: api_key_id }
            : ofOrganization(deps.callerOf(request));
      const amount = text === null ? null : (parseUsd(text) ?? null);
      const told = await set(deps, request, { ...subject, amount, action });
      if (told === 'unknown_subject') return refuse(request, reply, 'not_found');
      if (told === 'removed') return { id: limitId(subject), type: 'spend_limit_deleted' as const };
      return limitView(told);
    },
  );

  app.delete(
    '/spend_limits/:id',
    {
      schema: {
        ...documented('Remove a spend limit'),
        params: byId,
        response: { 200: removed },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const limits = await readSpendLimits(deps.pool, organizationId);
      const found = limits.find((limit) => limitId(limit) === request.params.id);
      if (found === undefined) return refuse(request, reply, 'not_found');
      if (found.level === 'tier') {
        const message = 'The cap of a tier is the operator’s to change.';
        return refuse(request, reply, 'invalid_request', { message });
      }
      await change(deps, request, { ...found, amount: null });
      return { id: limitId(found), type: 'spend_limit_deleted' as const };
    },
  );
}

const ofOrganization = ({ organizationId }: AdminCaller): Subject => ({
  level: 'organization',
  subjectId: organizationId,
});

interface Wanted extends Subject {
  /** Null removes the limit. */
  readonly amount: NanoUsd | null;
  /** Undefined: as it was. */
  readonly action?: SpendLimit['action'] | undefined;
}

/** The limit as it is afterwards. */
async function set(
  deps: AdminDeps,
  request: FastifyRequest,
  wanted: Wanted,
): Promise<SpendLimit | 'removed' | 'unknown_subject'> {
  const outcome = await change(deps, request, wanted);
  if (outcome === 'unknown_subject') return outcome;
  const limits = await readSpendLimits(deps.pool, deps.callerOf(request).organizationId);
  return limits.find((limit) => limitId(limit) === limitId(wanted)) ?? 'removed';
}

/** Sets a limit and says so in the audit trail, both or neither. */
function change(
  deps: AdminDeps,
  request: FastifyRequest,
  { level, subjectId, amount, action: chosen }: Wanted,
): Promise<'set' | 'unknown_subject'> {
  const { organizationId, apiKeyId } = deps.callerOf(request);
  return deps.pool.transaction(async (tx) => {
    const before = await readSpendLimits(tx, organizationId);
    const known = before.find((limit) => limit.level === level && limit.subjectId === subjectId);
    const action = chosen ?? known?.action ?? 'notify_and_pause';
    const outcome = await setSpendLimit(tx, {
      ...{ organizationId, level, subjectId, amount, action, setBy: apiKeyId },
    });
    if (outcome === 'set') {
      await recordAudit(tx, {
        ...{ organizationId, actor: apiKeyId, action: 'spend_limit.set', subject: subjectId },
        reason: amount === null ? 'none' : `$${formatUsd(amount)} ${action}`,
        requestId: request.id,
      });
    }
    return outcome;
  });
}
