import type { Db, Pool } from '#db/pool';
import { type Verification, type VerificationOptions, verifySince } from '#ledger/reconcile';
import * as sql from '#ledger/seals-sql';
import { only } from '#ledger/sql';

/** One seal covers at most so many transactions: small enough to check without touching disk. */
const TRANSACTIONS_PER_SEAL = 1_024;
const ORGANIZATIONS_PER_PAGE = 1_000;

/**
 * Seals every organization's entries up to the last; answers how many blocks it made. Safe beside
 * traffic and beside itself (see 0014-ledger-seals.sql). Does not look at what it seals.
 */
export async function sealLedger(db: Db, onSealed: () => void = () => {}): Promise<number> {
  let blocks = 0;
  let after = '';
  for (;;) {
    const page = await db.query<{ organization_id: string }>(
      sql.unsealed(after, ORGANIZATIONS_PER_PAGE),
    );
    for (const { organization_id } of page) {
      while (await sealOne(db, organization_id)) {
        blocks += 1;
        onSealed();
      }
      after = organization_id;
    }
    if (page.length < ORGANIZATIONS_PER_PAGE) return blocks;
  }
}

const sealOne = async (db: Db, organizationId: string): Promise<boolean> => {
  const statement = sql.sealBlock(organizationId, TRANSACTIONS_PER_SEAL);
  return only(await db.query<{ sealed: bigint | null }>(statement)).sealed !== null;
};

/**
 * Verifies what is new and, only if every rule holds, seals exactly that: both in one snapshot. A
 * ledger that is broken is never sealed over.
 */
export function verifyAndSeal(
  pool: Pool,
  onProgress: NonNullable<VerificationOptions['onProgress']> = () => {},
): Promise<Verification & { readonly sealed: number }> {
  return pool.transaction(async (tx) => {
    await tx.query(sql.oneWritableSnapshot);
    const result = await verifySince(tx, { onProgress });
    const tick = (): void => onProgress({ read: result.entries, total: result.entries });
    return { ...result, sealed: result.ok ? await sealLedger(tx, tick) : 0 };
  });
}

export interface PastVerification {
  readonly at: Date;
  readonly mode: 'incremental' | 'full';
  readonly ok: boolean;
  readonly entries: bigint;
  /** Names of the rules that did not hold. */
  readonly failed: readonly string[];
}

export async function recordVerification(db: Db, result: Verification): Promise<void> {
  const failed = result.checks.filter((check) => !check.ok).map((check) => check.name);
  await db.query(sql.recordVerification({ ...result, failed }));
}

/** The last one of each mode, newest first: a pass in one mode says nothing of the other. */
export function readLastVerifications(db: Db): Promise<readonly PastVerification[]> {
  return db.query<PastVerification>(sql.lastVerifications);
}

/** Business time: the night that is due, and one that failed for another reason. */
export const OVERDUE_DAYS = 2;

/** No verification for so many days of business time, though there were entries to verify. */
export async function verificationIsOverdue(db: Db, days: number): Promise<boolean> {
  return only(await db.query<{ overdue: boolean }>(sql.verificationOverdue(days))).overdue;
}

export interface Night {
  readonly night: string;
  /** 1 is Monday. */
  readonly weekday: number;
}

/** The night's work for one process at a time; undefined if it is done or another one has it. */
export async function takeNight(
  db: Db,
  beginsAt: string,
  leaseSeconds: number,
): Promise<Night | undefined> {
  const [row] = await db.query<Night>(sql.takeNight(beginsAt, leaseSeconds));
  return row;
}

export async function keepNight(db: Db, { night }: Night, leaseSeconds: number): Promise<void> {
  await db.query(sql.keepNight(night, leaseSeconds));
}

export async function endNight(db: Db, { night }: Night): Promise<void> {
  await db.query(sql.endNight(night));
}
