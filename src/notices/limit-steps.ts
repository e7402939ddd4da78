import { formatUsd, type NanoUsd } from '#kernel/money';
import type { NoticesDeps } from '#notices/deps';
import { STANDARD } from '#notices/settings';
import { type Notice, tellNew } from '#notices/tell';
import { type SteppedLimit, steppedLimits } from '#orgs/watched';
import { selectLimitSteps } from './settings-sql.ts';

/** The highest step that is reached, or 100; undefined below the lowest. Pure. */
export function stepReached(
  charged: NanoUsd,
  amount: NanoUsd,
  steps: readonly number[],
): number | undefined {
  const reached = [...steps, 100].filter((step) => charged * 100n >= amount * BigInt(step));
  return reached.length === 0 ? undefined : Math.max(...reached);
}

const LEVEL_NAMES: Readonly<Record<SteppedLimit['level'], string>> = {
  tier: 'The organization (cap of its tier)',
  organization: 'The organization',
  workspace: 'The workspace',
  api_key: 'The API key',
};

function noticeOf(limit: SteppedLimit, percent: number): Notice {
  const { level, name, amount, charged, action, month, resetsAt } = limit;
  const whole = action === 'notify_and_pause' ? 'limit_paused' : 'limit_reached';
  return {
    organizationId: limit.organizationId,
    kind: percent < 100 ? 'limit_step' : whole,
    // A limit that is set anew is another one.
    key: `${level}:${limit.subjectId}:${month}:${amount}:${percent}`,
    facts: {
      subject: level === 'tier' ? LEVEL_NAMES.tier : `${LEVEL_NAMES[level]} “${name}”`,
      level,
      subject_id: limit.subjectId,
      limit_usd: formatUsd(amount),
      spent_usd: formatUsd(charged),
      percent,
      action,
      resets_at: resetsAt.toISOString(),
    },
  };
}

/**
 * Meant for every few seconds: limits that reached a step. The counters of limits are the hot path's;
 * reading them costs it nothing. Of several steps passed at once the highest is told.
 */
export async function tellLimitSteps(deps: Pick<NoticesDeps, 'pool' | 'entropy'>): Promise<void> {
  const { pool } = deps;
  const reached: Notice[] = [];
  const limits = await steppedLimits(pool);
  const chosen = await pool.query<{ organizationId: string; limitSteps: number[] }>(
    selectLimitSteps([...new Set(limits.map(({ organizationId }) => organizationId))]),
  );
  const stepsOf = new Map(chosen.map((one) => [one.organizationId, one.limitSteps]));
  for (const limit of limits) {
    const steps = stepsOf.get(limit.organizationId) ?? STANDARD.limitSteps;
    const percent = stepReached(limit.charged, limit.amount, steps);
    if (percent !== undefined) reached.push(noticeOf(limit, percent));
  }
  await tellNew(deps, reached);
}
