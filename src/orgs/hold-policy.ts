import type { Db } from '#db/pool';
import { selectHoldPolicy, updateHoldPolicy } from './sql.ts';

/** How much is held for a stream before it begins (money rule H5). */
export const HOLD_POLICIES = ['auto', 'full', 'sliced'] as const;
export type HoldPolicy = (typeof HOLD_POLICIES)[number];

interface PolicyRow {
  readonly hold_policy: string;
}

/** The table allows no other; whatever it should say nevertheless, a whole hold is never wrong. */
export const holdPolicyOf = (text: string): HoldPolicy =>
  HOLD_POLICIES.find((policy) => policy === text) ?? 'full';

/** Undefined if there is no such organization. */
export async function readHoldPolicy(db: Db, organizationId: string) {
  const [row] = await db.query<PolicyRow>(selectHoldPolicy(organizationId));
  return row === undefined ? undefined : holdPolicyOf(row.hold_policy);
}

/**
 * Undefined if there is no such organization. New requests obey it at once; where its key is
 * remembered, within seconds.
 */
export async function setHoldPolicy(db: Db, organizationId: string, policy: HoldPolicy) {
  const [row] = await db.query<PolicyRow>(updateHoldPolicy(organizationId, policy));
  return row === undefined ? undefined : holdPolicyOf(row.hold_policy);
}
