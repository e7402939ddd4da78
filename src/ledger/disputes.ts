import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { least, type NanoUsd, nanos, sum, ZERO } from '#kernel/money';
import { type GrantFacts, givenBack, lockGrant, postNow } from '#ledger/grant-facts';
import { resumeGrant, stopGrant } from '#ledger/grants-sql';
import { taxShare } from '#ledger/refunds';
import * as sql from '#ledger/reversals-sql';
import { lockBook } from '#ledger/sql';
import { creditFrozen, freezeReleased, freezeSeized, type Seizure } from '#ledger/templates';

/** A dispute by its own id, which makes every command about it repeatable. */
export interface Dispute {
  readonly organizationId: OrganizationId;
  readonly reference: string;
}

type Ended =
  | { readonly outcome: 'already_released'; readonly amount: NanoUsd }
  | { readonly outcome: 'already_seized'; readonly amount: NanoUsd };

export type FreezeOutcome =
  | { readonly outcome: 'frozen' | 'already_frozen'; readonly amount: NanoUsd }
  | Ended
  | { readonly outcome: 'frozen_by_another'; readonly reference: string }
  | { readonly outcome: 'unknown_grant' }
  | { readonly outcome: 'not_a_purchase' };

/**
 * A dispute opened: the unspent part of the disputed purchase cannot be spent any more. What open
 * holds still need of it stays for them; what they leave is frozen later. What has expired is not
 * frozen: the customer does not have it.
 */
export async function freezeGrant(
  tx: Db,
  dispute: Dispute & { readonly grantId: GrantId },
): Promise<FreezeOutcome> {
  const { organizationId, reference, grantId } = dispute;
  const grant = await lockGrant(tx, organizationId, grantId);
  if (grant === undefined) return { outcome: 'unknown_grant' };
  if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };
  const earlier = await readFreeze(tx, dispute);
  if (earlier !== undefined) {
    const { state } = earlier;
    return { outcome: `already_${state}`, amount: nanos(earlier.amount_nanos) };
  }
  if (grant.frozenBy !== null) return { outcome: 'frozen_by_another', reference: grant.frozenBy };
  const amount = grant.expired || grant.stopped ? ZERO : grant.unpromised;
  await tx.query(stopGrant(organizationId, grantId));
  await postNow(tx, organizationId, reference, creditFrozen(grantId, amount));
  await tx.query(sql.openFreeze({ organizationId, reference, grantId, amount }));
  return { outcome: 'frozen', amount };
}

export type ReleaseOutcome =
  | { readonly outcome: 'released'; readonly amount: NanoUsd }
  | Ended
  | { readonly outcome: 'unknown_freeze' };

/** A dispute was won: exactly what was frozen comes back; if it has expired meanwhile, it has. */
export async function releaseFreeze(tx: Db, dispute: Dispute): Promise<ReleaseOutcome> {
  const { organizationId, reference } = dispute;
  await tx.query(lockBook(organizationId));
  const freeze = await readFreeze(tx, dispute);
  if (freeze === undefined) return { outcome: 'unknown_freeze' };
  const amount = nanos(freeze.amount_nanos);
  if (freeze.state !== 'frozen') return { outcome: `already_${freeze.state}`, amount };
  await tx.query(resumeGrant(organizationId, freeze.grant_id));
  await postNow(tx, organizationId, reference, freezeReleased(freeze.grant_id, amount));
  await tx.query(sql.endFreeze(organizationId, reference, 'released', NOTHING));
  return { outcome: 'released', amount };
}

const NOTHING: sql.Taken = { seized: ZERO, debt: ZERO, breakage: ZERO, tax: ZERO, promised: ZERO };

export type SeizeOutcome =
  | ({ readonly outcome: 'seized' } & Seizure)
  | Ended
  /** The rest of the payment was refunded or claimed before. */
  | { readonly outcome: 'exceeds_payment'; readonly claimable: NanoUsd }
  | { readonly outcome: 'unknown_freeze' };

export interface Claim {
  /** The credit in question, without tax; everything that was not given back before if absent. */
  readonly claimed?: NanoUsd;
  /** The tax that was taken with it, where the sum is known; its share pro rata if absent. */
  readonly tax?: NanoUsd;
}

/** A dispute was lost: the processor took the money back, so the credit goes. */
export async function seizeFreeze(tx: Db, dispute: Dispute & Claim): Promise<SeizeOutcome> {
  const { organizationId, reference, claimed } = dispute;
  await tx.query(lockBook(organizationId));
  const freeze = await readFreeze(tx, dispute);
  if (freeze === undefined) return { outcome: 'unknown_freeze' };
  const frozen = nanos(freeze.amount_nanos);
  if (freeze.state !== 'frozen') return { outcome: `already_${freeze.state}`, amount: frozen };
  const grantId = freeze.grant_id;
  await tx.query(sql.bookUncovered(organizationId, grantId));
  const grant = await lockGrant(tx, organizationId, grantId);
  assert(grant !== undefined, 'a freeze names a grant');
  const claimable = nanos(grant.credit - givenBack(grant));
  if (claimed !== undefined && claimed > claimable) {
    return { outcome: 'exceeds_payment', claimable };
  }
  const pieces = seizureOf(grant, frozen, claimed ?? claimable);
  const taken = { ...pieces, tax: dispute.tax ?? pieces.tax };
  assert(taken.tax <= grant.tax - grant.taxBack, 'no more tax is taken than was paid');
  // What holds leave of the promised part repays the debt that was made of it: it stays stopped.
  if (taken.promised === 0n) await tx.query(resumeGrant(organizationId, grantId));
  await postNow(tx, organizationId, reference, freezeSeized(grantId, taken));
  await tx.query(sql.endFreeze(organizationId, reference, 'seized', taken));
  const { promised: _, ...seizure } = taken;
  return { outcome: 'seized', ...seizure };
}

/**
 * Where a claim is found: frozen credit, then spent, then expired, then what open holds still need
 * (`promised`, which is part of `debt`). `claim` is at most what was not given back before.
 */
export function seizureOf(
  grant: GrantFacts,
  frozen: NanoUsd,
  claim: NanoUsd,
): Seizure & { readonly promised: NanoUsd } {
  const { credit, remaining, broken, refunded, seized: before, indebted, unbroken } = grant;
  const used = nanos(credit - remaining - frozen - broken - refunded - before);
  let rest = claim;
  const take = (most: bigint): NanoUsd => {
    // Less than nothing is left of what was used if an earlier claim took a promised part as debt.
    const part = least(rest, nanos(most > 0n ? most : 0n));
    rest = nanos(rest - part);
    return part;
  };
  const seized = take(frozen);
  const spent = take(used - indebted);
  const breakage = take(broken - unbroken);
  const promised = take(remaining);
  assert(rest === 0n, 'a claim is found in what was not given back');
  const tax = taxShare({ ...grant, back: givenBack(grant), part: claim });
  const released = nanos(frozen - seized);
  return { seized, debt: sum([spent, promised]), breakage, tax, released, promised };
}

async function readFreeze(tx: Db, dispute: Dispute): Promise<sql.FreezeRow | undefined> {
  const { organizationId, reference } = dispute;
  const [row] = await tx.query<sql.FreezeRow>(sql.freezeByReference(organizationId, reference));
  return row;
}
