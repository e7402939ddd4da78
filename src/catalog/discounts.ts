import type { Db, Pool } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { DiscountId, OrganizationId } from '#kernel/ids';
import { COMPONENT_KINDS, type ComponentKind, type Discount, type Factor } from '#pricing/book';
import { nextEpoch } from './books.ts';
import * as sql from './sql.ts';

/** What an organization pays less than the list price by contract. */
export interface GrantedDiscount extends Discount {
  readonly id: DiscountId;
  readonly organizationId: OrganizationId;
  readonly reason: string;
  readonly recordedAt: Date;
  readonly recordedBy: string;
  /** Ended before its time; requests admitted before keep it. */
  readonly cancelledAt: Date | null;
}

export interface DiscountTerms {
  readonly id: DiscountId;
  readonly organizationId: OrganizationId;
  /** Null: all models. */
  readonly model: string | null;
  /** The share that is paid, above 0 and at most 1. */
  readonly factor: Factor;
  /** Null: on everything, tokens and fees. */
  readonly appliesTo: readonly ComponentKind[] | null;
  /** From now on where null. */
  readonly from: Date | null;
  /** Exclusive; without end where null. */
  readonly until: Date | null;
  readonly reason: string;
  readonly by: string;
}

export type Added =
  | { readonly outcome: 'added'; readonly discount: GrantedDiscount }
  /** This one is for the same model, components and time: which of both counts would be a guess. */
  | { readonly outcome: 'overlaps'; readonly discount: GrantedDiscount };

/** Grants a discount: in force for the first hold after it. The organization must exist. */
export async function addDiscount(pool: Pool, terms: DiscountTerms): Promise<Added> {
  return await pool.transaction(async (tx) => {
    const epoch = await nextEpoch(tx);
    const [at] = await tx.query<{ now: Date }>(sql.epoch);
    if (at === undefined) throw new Fault('the database gave no time');
    const span = { ...terms, from: terms.from ?? at.now };
    const others = await listDiscounts(tx, terms.organizationId);
    const discount = others.find((other) => overlap(other, span));
    if (discount !== undefined) return { outcome: 'overlaps', discount };
    const { factor, ...rest } = terms;
    await tx.query(sql.insertDiscount({ ...rest, ...factor }));
    await tx.query(sql.insertDiscountChange(epoch, 'discount.add', terms.id, terms.by));
    const [row] = await tx.query<sql.DiscountRow>(sql.selectDiscount(terms.id));
    if (row === undefined) throw new Fault('a discount just recorded is not there');
    return { outcome: 'added', discount: granted(row) };
  });
}

/** Whether both would count equally for one component at one time. */
function overlap(
  one: GrantedDiscount,
  other: Pick<DiscountTerms, 'model' | 'appliesTo' | 'until'> & { readonly from: Date },
): boolean {
  if (one.cancelledAt !== null || one.model !== other.model) return false;
  const kinds = other.appliesTo ?? COMPONENT_KINDS;
  if (!kinds.some((kind) => one.appliesTo.has(kind))) return false;
  const startsInTime = one.until === null || other.from < one.until;
  return startsInTime && (other.until === null || one.from < other.until);
}

export type Cancelled =
  | { readonly outcome: 'cancelled' | 'already_cancelled'; readonly discount: GrantedDiscount }
  | { readonly outcome: 'unknown_discount' };

/** Ends a discount now. What was admitted before keeps it. */
export async function cancelDiscount(pool: Pool, id: string, by: string): Promise<Cancelled> {
  return await pool.transaction(async (tx) => {
    const epoch = await nextEpoch(tx);
    const [before] = await tx.query<sql.DiscountRow>(sql.selectDiscount(id));
    if (before === undefined) return { outcome: 'unknown_discount' };
    if (before.cancelled_at !== null) {
      return { outcome: 'already_cancelled', discount: granted(before) };
    }
    await tx.query(sql.insertDiscountChange(epoch, 'discount.cancel', id, by));
    const [after = before] = await tx.query<sql.DiscountRow>(sql.selectDiscount(id));
    return { outcome: 'cancelled', discount: granted(after) };
  });
}

/** Every discount an organization ever had, by when it begins. */
export async function listDiscounts(db: Db, organizationId: string): Promise<GrantedDiscount[]> {
  return (await db.query<sql.DiscountRow>(sql.selectDiscounts(organizationId))).map(granted);
}

export function granted(row: sql.DiscountRow): GrantedDiscount {
  const kinds = COMPONENT_KINDS.filter((kind) => row.applies_to?.includes(kind) ?? true);
  return {
    // The row was written by `addDiscount` from values that had these types.
    id: row.id as DiscountId,
    organizationId: row.organization_id as OrganizationId,
    model: row.model,
    factor: { numerator: row.numerator, denominator: row.denominator },
    appliesTo: new Set(kinds),
    from: row.valid_from,
    until: row.valid_until,
    reason: row.reason,
    recordedAt: row.recorded_at,
    recordedBy: row.recorded_by,
    cancelledAt: row.cancelled_at,
  };
}
