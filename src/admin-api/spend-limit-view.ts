import { z } from 'zod';
import { formatUsd, NANOS_PER_CENT, type NanoUsd } from '#kernel/money';
import {
  LIMIT_ACTIONS,
  type LimitChange,
  type LimitLevel,
  resetsAt,
  SETTERS,
  type SpendLimit,
  setterOf,
} from '#orgs/spend-limits';

const scope = z.discriminatedUnion('type', [
  z.object({ type: z.literal('organization') }),
  z.object({ type: z.literal('workspace'), workspace_id: z.string() }),
  z.object({ type: z.literal('api_key'), api_key_id: z.string() }),
  z.object({ type: z.literal('usage_tier') }),
]);
export const SCOPE_TYPES = ['organization', 'workspace', 'api_key', 'usage_tier'] as const;

/** As the public API shows one, and beside it what is exact here and what was used of it. */
export const spendLimit = z
  .object({
    id: z.string(),
    type: z.literal('spend_limit'),
    amount: z.string().describe('whole cents, rounded down'),
    currency: z.literal('usd'),
    period: z.literal('monthly'),
    scope,
    is_enabled: z.literal(true),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    amount_usd: z.string(),
    action: z.enum(LIMIT_ACTIONS),
    charged_usd: z.string().describe('this month'),
    held_usd: z.string().describe('what requests under way may still cost'),
    reached_at: z.iso.datetime().nullable(),
    resets_at: z.iso.datetime().describe('when the month that is counted is over'),
    set_by: z.string(),
    set_by_type: z.enum(SETTERS),
  })
  .meta({ id: 'SpendLimit' });

/** One time a limit was set, changed or removed. */
export const limitChange = z
  .object({
    id: z.string(),
    type: z.literal('spend_limit_change'),
    spend_limit_id: z.string(),
    scope,
    at: z.iso.datetime(),
    set_by: z.string().describe('the id of the member or the admin key; operator or tier'),
    set_by_type: z.enum(SETTERS),
    amount_usd: z.string().nullable().describe('null: it was removed'),
    action: z.enum(LIMIT_ACTIONS).nullable(),
    previous_amount_usd: z.string().nullable().describe('null: there was none'),
  })
  .meta({ id: 'SpendLimitChange' });

const usdOf = (amount: NanoUsd | null) => (amount === null ? null : formatUsd(amount));

export const changeView = (change: LimitChange): z.infer<typeof limitChange> => ({
  id: `splc_${change.seq}`,
  type: 'spend_limit_change',
  spend_limit_id: limitId(change),
  scope: scopeOf(change.level, change.subjectId),
  at: change.setAt.toISOString(),
  set_by: change.setBy,
  set_by_type: setterOf(change.setBy),
  amount_usd: usdOf(change.amount),
  action: change.action,
  previous_amount_usd: usdOf(change.before),
});

export const limitId = ({ level, subjectId }: Pick<SpendLimit, 'level' | 'subjectId'>): string =>
  `spl_${level}_${subjectId}`;

export const limitView = (limit: SpendLimit): z.infer<typeof spendLimit> => ({
  id: limitId(limit),
  type: 'spend_limit',
  amount: (limit.amount / NANOS_PER_CENT).toString(),
  currency: 'usd',
  period: 'monthly',
  scope: scopeOf(limit.level, limit.subjectId),
  is_enabled: true,
  // Of a limit only its last change is kept.
  created_at: limit.setAt.toISOString(),
  updated_at: limit.setAt.toISOString(),
  amount_usd: formatUsd(limit.amount),
  action: limit.action,
  charged_usd: formatUsd(limit.charged),
  held_usd: formatUsd(limit.held),
  reached_at: limit.reachedAt?.toISOString() ?? null,
  resets_at: resetsAt(limit).toISOString(),
  set_by: limit.setBy,
  set_by_type: setterOf(limit.setBy),
});

function scopeOf(level: LimitLevel, subjectId: string): z.infer<typeof scope> {
  switch (level) {
    case 'tier':
      return { type: 'usage_tier' };
    case 'organization':
      return { type: 'organization' };
    case 'workspace':
      return { type: 'workspace', workspace_id: subjectId };
    case 'api_key':
      return { type: 'api_key', api_key_id: subjectId };
  }
}
