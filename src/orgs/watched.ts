import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { NanoUsd } from '#kernel/money';
import { parseRole, type Role } from '#orgs/roles';
import type { LimitAction, LimitLevel } from '#orgs/spend-limits';
import { selectEndingKeys, selectMembers, selectSteppedLimits } from './watched-sql.ts';

export interface Member {
  readonly email: string;
  readonly role: Role;
}

/** Who belongs to an organization, oldest membership first. */
export async function membersOf(db: Db, organizationId: string): Promise<Member[]> {
  const rows = await db.query<{ email: string; role: string }>(selectMembers(organizationId));
  return rows.map(({ email, role }) => {
    const known = parseRole(role);
    assert(known !== undefined, 'a stored role is one of the table');
    return { email, role: known };
  });
}

export interface EndingKey {
  readonly organizationId: string;
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly expiresAt: Date;
}

/** Active keys that end within so many days, by business time. */
export const endingKeys = (db: Db, days: number): Promise<EndingKey[]> =>
  db.query<EndingKey>(selectEndingKeys(days));

export interface SteppedLimit {
  readonly organizationId: string;
  readonly level: LimitLevel;
  readonly subjectId: string;
  /** As people call what is limited. */
  readonly name: string;
  readonly amount: NanoUsd;
  /** Of this month. */
  readonly charged: NanoUsd;
  readonly action: LimitAction;
  /** Its first day, as YYYY-MM-DD. */
  readonly month: string;
  readonly resetsAt: Date;
}

/** Limits of which a part worth speaking of is charged this month, in every organization. */
export const steppedLimits = (db: Db): Promise<SteppedLimit[]> =>
  db.query<SteppedLimit>(selectSteppedLimits);
