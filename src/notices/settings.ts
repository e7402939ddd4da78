import type { Db } from '#db/pool';
import { NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';
import { CHOSEN_TOPICS, TOLD_ROLES, TOPIC_ROWS, type Topic } from '#notices/topics';
import { parseRole, type Role } from '#orgs/roles';
import { findSettings, type SettingsRow, saveSettings } from './settings-sql.ts';

export interface NoticeSettings {
  /** Below it, it is told; null for never. */
  readonly lowBalance: NanoUsd | null;
  /** Fewer days than these, and it is told; null for never. */
  readonly runwayDays: number | null;
  /** Percent of a spend limit, rising. */
  readonly limitSteps: readonly number[];
  /** What can wait comes once a day, in one mail. */
  readonly digest: boolean;
  readonly roles: Readonly<Record<Topic, readonly Role[]>>;
}

const STANDARD_ROLES: NoticeSettings['roles'] = {
  access: TOPIC_ROWS.access.roles,
  balance: TOPIC_ROWS.balance.roles,
  receipts: TOPIC_ROWS.receipts.roles,
  payments: TOPIC_ROWS.payments.roles,
  limits: TOPIC_ROWS.limits.roles,
  endings: TOPIC_ROWS.endings.roles,
  keys: TOPIC_ROWS.keys.roles,
  safety: TOPIC_ROWS.safety.roles,
  webhooks: TOPIC_ROWS.webhooks.roles,
  operation: TOPIC_ROWS.operation.roles,
};

/** What holds where nobody chose anything. */
export const STANDARD: NoticeSettings = {
  lowBalance: nanos(5n * NANOS_PER_USD),
  runwayDays: 7,
  limitSteps: [80],
  digest: false,
  roles: STANDARD_ROLES,
};

export async function readSettings(db: Db, organizationId: string): Promise<NoticeSettings> {
  const [row] = await db.query<SettingsRow>(findSettings(organizationId));
  if (row === undefined) return STANDARD;
  const { lowBalance, runwayDays, limitSteps, digest } = row;
  const roles = { ...STANDARD_ROLES };
  for (const topic of CHOSEN_TOPICS) {
    const chosen = row.roles[topic];
    if (Array.isArray(chosen)) {
      roles[topic] = chosen.flatMap((name) => parseRole(String(name)) ?? []);
    }
  }
  return {
    lowBalance: lowBalance === null ? null : nanos(lowBalance),
    ...{ runwayDays, limitSteps, digest, roles },
  };
}

export interface InvalidSetting {
  readonly outcome: 'invalid';
  readonly field: 'low_balance_usd' | 'runway_days' | 'limit_steps' | 'roles';
  readonly message: string;
}

const STEPS_MOST = 5;
const DAYS_MOST = 90;
const LOW_MOST = 1_000_000n * NANOS_PER_USD;

/** What may not be, with words; undefined if all is well. Pure. */
export function invalidity(settings: NoticeSettings): InvalidSetting | undefined {
  const no = (field: InvalidSetting['field'], message: string): InvalidSetting => ({
    outcome: 'invalid',
    ...{ field, message },
  });
  const { lowBalance, runwayDays, limitSteps } = settings;
  if (lowBalance !== null && (lowBalance <= 0n || lowBalance > LOW_MOST)) {
    return no('low_balance_usd', 'Enter an amount above $0 and up to $1,000,000, or nothing.');
  }
  const days = runwayDays ?? 1;
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MOST) {
    return no('runway_days', `Enter whole days from 1 to ${DAYS_MOST}, or nothing.`);
  }
  const wrong = limitSteps.some((step) => !Number.isInteger(step) || step < 1 || step > 99);
  if (wrong || limitSteps.length > STEPS_MOST || new Set(limitSteps).size < limitSteps.length) {
    const most = `at most ${STEPS_MOST} different ones`;
    return no('limit_steps', `Enter whole percents from 1 to 99, ${most}; 100 is always told.`);
  }
  const untold = Object.values(settings.roles).flat();
  if (untold.some((role) => !TOLD_ROLES.includes(role))) {
    return no('roles', 'Only Admin, Billing and the developers can be told.');
  }
  return undefined;
}

export type Saved = { readonly outcome: 'saved' } | InvalidSetting;

/** Keeps them. What watches by them looks again with the caller's next step. */
export async function storeSettings(
  tx: Db,
  organizationId: string,
  settings: NoticeSettings,
  actor: string,
): Promise<Saved> {
  const wrong = invalidity(settings);
  if (wrong !== undefined) return wrong;
  const limitSteps = [...settings.limitSteps].sort((a, b) => a - b);
  await tx.query(saveSettings(organizationId, { ...settings, limitSteps }, actor));
  return { outcome: 'saved' };
}
