import type { Db } from '#db/pool';
import { parseId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { type LimitChangeRow, selectLimitChanges } from './limit-changes-sql.ts';
import * as sql from './sql.ts';

/**
 * Whose spending a limit bounds, widest first. That of the tier is the operator's and bounds the
 * organization; the others are set by the customer.
 */
export const LIMIT_LEVELS = ['tier', 'organization', 'workspace', 'api_key'] as const;
export type LimitLevel = (typeof LIMIT_LEVELS)[number];

export const LIMIT_ACTIONS = ['notify_only', 'notify_and_pause'] as const;
export type LimitAction = (typeof LIMIT_ACTIONS)[number];

/** A limit on what the holds of one calendar month (UTC) may be charged (money rule 7). */
export interface SpendLimit {
  readonly level: LimitLevel;
  /** The organization, workspace or key that is limited. */
  readonly subjectId: string;
  /** 0 blocks everything. */
  readonly amount: NanoUsd;
  readonly action: LimitAction;
  /** First day of the month that is counted, as YYYY-MM-DD. */
  readonly month: string;
  readonly charged: NanoUsd;
  /** What open holds of the month have promised. */
  readonly held: NanoUsd;
  /** When the charges of this month reached the amount. */
  readonly reachedAt: Date | null;
  readonly setBy: string;
  readonly setAt: Date;
}

/** Limits of an organization, widest first, with what this month has used of them. */
export async function readSpendLimits(db: Db, organizationId: string): Promise<SpendLimit[]> {
  const rows = await db.query<sql.SpendLimitRow>(sql.selectSpendLimits(organizationId));
  return rows.map((row) => ({
    level: row.level,
    subjectId: row.subject_id,
    amount: nanos(row.amount_nanos),
    action: row.action,
    month: row.month,
    charged: nanos(row.charged_nanos),
    held: nanos(row.held_nanos),
    reachedAt: row.reached_at,
    setBy: row.set_by,
    setAt: row.set_at,
  }));
}

/** Who can set a limit: a person, a program of the customer, the operator, or the tier itself. */
export const SETTERS = ['member', 'admin_key', 'operator', 'tier'] as const;
export type Setter = (typeof SETTERS)[number];

/** What kind of setter an id is of, as `set_by` has it. */
export function setterOf(setBy: string): Setter {
  if (parseId('user', setBy) !== undefined) return 'member';
  if (parseId('apiKey', setBy) !== undefined) return 'admin_key';
  return setBy === 'tier' ? 'tier' : 'operator';
}

/** When the month that is counted is over: all limits of an organization begin anew together. */
export function resetsAt({ month }: Pick<SpendLimit, 'month'>): Date {
  const first = new Date(`${month}T00:00:00Z`);
  return new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1));
}

/** One time somebody set, changed or removed a limit. Kept for good. */
export interface LimitChange {
  /** Counts up in an organization, without a gap. */
  readonly seq: bigint;
  readonly level: LimitLevel;
  readonly subjectId: string;
  /** Null: it was removed. */
  readonly amount: NanoUsd | null;
  readonly action: LimitAction | null;
  /** What stood before; null if there was no limit. */
  readonly before: NanoUsd | null;
  readonly setBy: string;
  readonly setAt: Date;
}

/** Who set which limit when, newest first. */
export async function readLimitChanges(
  db: Db,
  organizationId: string,
  limit: number,
): Promise<LimitChange[]> {
  const rows = await db.query<LimitChangeRow>(selectLimitChanges(organizationId, limit));
  const amountOf = (amount: bigint | null) => (amount === null ? null : nanos(amount));
  return rows.map((row) => ({
    seq: row.seq,
    level: row.level,
    subjectId: row.subject_id,
    amount: amountOf(row.amount_nanos),
    action: row.action,
    before: amountOf(row.before_nanos),
    setBy: row.set_by,
    setAt: row.set_at,
  }));
}
