import type { Statement } from '#db/pool';

export interface BookRow {
  readonly version: string;
  readonly book: unknown;
  readonly digest: Buffer;
  readonly source: string;
  readonly recorded_at: Date;
  readonly recorded_by: string;
  /** The epoch since which it is in force; null where it is not. */
  readonly in_force_since: bigint | null;
  /** What put it in force; null where it is not. */
  readonly in_force_by: UseKind | null;
}

/** By a process that was started with it, or by an operator. */
export type UseKind = 'prices.adopt' | 'prices.use';

export interface DiscountRow {
  readonly id: string;
  readonly organization_id: string;
  readonly model: string | null;
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly applies_to: string[] | null;
  readonly valid_from: Date;
  readonly valid_until: Date | null;
  readonly reason: string;
  readonly recorded_at: Date;
  readonly recorded_by: string;
  readonly cancelled_at: Date | null;
}

export interface NewBook {
  readonly version: string;
  readonly canonical: string;
  readonly digest: Buffer;
  readonly source: string;
  readonly by: string;
}

export interface NewDiscount {
  readonly id: string;
  readonly organizationId: string;
  readonly model: string | null;
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly appliesTo: readonly string[] | null;
  readonly from: Date | null;
  readonly until: Date | null;
  readonly reason: string;
  readonly by: string;
}

/** Of a whole change: two of them never see the same epoch (held to the end of the transaction). */
export const nextEpoch: Statement = { text: 'SELECT catalog.next_epoch() AS epoch' };

export const epoch: Statement = {
  name: 'catalog.epoch',
  text: 'SELECT catalog.epoch() AS epoch, bursar.now() AS now',
};

export const insertBook = (b: NewBook): Statement => ({
  text: `INSERT INTO catalog.price_books (version, book, digest, source, recorded_by)
    VALUES ($1, $2, $3, $4, $5)`,
  values: [b.version, b.canonical, b.digest, b.source, b.by],
});

const IN_FORCE = `SELECT version, epoch, kind FROM catalog.changes WHERE version IS NOT NULL
    ORDER BY epoch DESC LIMIT 1`;
const SINCE = 'f.epoch AS in_force_since, f.kind AS in_force_by';

export const selectBook = (version: string): Statement => ({
  text: `SELECT b.*, ${SINCE} FROM catalog.price_books b
    LEFT JOIN (${IN_FORCE}) f ON f.version = b.version WHERE b.version = $1`,
  values: [version],
});

export const selectBookInForce: Statement = {
  text: `SELECT b.*, ${SINCE} FROM (${IN_FORCE}) f
    JOIN catalog.price_books b ON b.version = f.version`,
};

/** All but the contents, the newest first. */
export const selectBooks: Statement = {
  text: `SELECT b.version, b.digest, b.source, b.recorded_at, b.recorded_by, ${SINCE}
    FROM catalog.price_books b
    LEFT JOIN (${IN_FORCE}) f ON f.version = b.version
    ORDER BY b.recorded_at DESC, b.version DESC`,
};

export const insertUse = (
  epochNo: bigint,
  kind: UseKind,
  version: string,
  by: string,
): Statement => ({
  text: `INSERT INTO catalog.changes (epoch, kind, version, changed_by)
    VALUES ($1, $2, $3, $4)`,
  values: [epochNo, kind, version, by],
});

export const insertDiscount = (d: NewDiscount): Statement => ({
  text: `INSERT INTO catalog.discounts (id, organization_id, model, numerator, denominator,
      applies_to, valid_from, valid_until, reason, recorded_by)
    VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, bursar.now()), $8, $9, $10)`,
  values: [
    ...[d.id, d.organizationId, d.model, d.numerator, d.denominator, d.appliesTo],
    ...[d.from, d.until, d.reason, d.by],
  ],
});

export const insertDiscountChange = (
  epochNo: bigint,
  kind: 'discount.add' | 'discount.cancel',
  id: string,
  by: string,
): Statement => ({
  text: `INSERT INTO catalog.changes (epoch, kind, discount_id, changed_by)
    VALUES ($1, $2, $3, $4)`,
  values: [epochNo, kind, id, by],
});

const DISCOUNTS = `SELECT d.*, c.changed_at AS cancelled_at FROM catalog.discounts d
    LEFT JOIN catalog.changes c ON c.discount_id = d.id AND c.kind = 'discount.cancel'`;

export const selectDiscount = (id: string): Statement => ({
  text: `${DISCOUNTS} WHERE d.id = $1`,
  values: [id],
});

/** Every discount an organization ever had. */
export const selectDiscounts = (organizationId: string): Statement => ({
  text: `${DISCOUNTS} WHERE d.organization_id = $1 ORDER BY d.valid_from, d.id`,
  values: [organizationId],
});

/** Of all organizations: those that apply now or are still to come. */
export const selectLiveDiscounts: Statement = {
  text: `${DISCOUNTS} WHERE c.epoch IS NULL
      AND (d.valid_until IS NULL OR d.valid_until > bursar.now())
    ORDER BY d.organization_id, d.valid_from, d.id`,
};

/** The book that was in force at an epoch. */
export const selectBookAt = (epochNo: bigint): Statement => ({
  text: `SELECT b.*, f.epoch AS in_force_since, f.kind AS in_force_by
    FROM (SELECT version, epoch, kind FROM catalog.changes
           WHERE version IS NOT NULL AND epoch <= $1 ORDER BY epoch DESC LIMIT 1) f
    JOIN catalog.price_books b ON b.version = f.version`,
  values: [epochNo],
});

/** The discounts an organization had been granted at an epoch, whatever became of them. */
export const selectDiscountsAt = (organizationId: string, epochNo: bigint): Statement => ({
  text: `SELECT d.*, NULL::timestamptz AS cancelled_at FROM catalog.discounts d
      JOIN catalog.changes a ON a.discount_id = d.id AND a.kind = 'discount.add'
      LEFT JOIN catalog.changes c ON c.discount_id = d.id AND c.kind = 'discount.cancel'
    WHERE d.organization_id = $1 AND a.epoch <= $2 AND (c.epoch IS NULL OR c.epoch > $2)
    ORDER BY d.valid_from, d.id`,
  values: [organizationId, epochNo],
});

/** All statements of the transaction see the same moment. */
export const oneMoment: Statement = { text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ' };
