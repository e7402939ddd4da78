import { formatUsd, type NanoUsd } from '#kernel/money';
import type { NoticesDeps } from '#notices/deps';
import { type NoticeSettings, readSettings } from '#notices/settings';
import { type Notice, teller } from '#notices/tell';
import { type SteppedLimit, steppedLimits } from '#orgs/watched';

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
  const tell = teller(deps.entropy);
  const known = new Map<string, NoticeSettings>();
  for (const limit of await steppedLimits(pool)) {
    const { organizationId } = limit;
    const settings = known.get(organizationId) ?? (await readSettings(pool, organizationId));
    known.set(organizationId, settings);
    const percent = stepReached(limit.charged, limit.amount, settings.limitSteps);
    if (percent === undefined) continue;
    await pool.transaction((tx) => tell(tx, noticeOf(limit, percent)));
  }
}
