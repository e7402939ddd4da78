import type { FeeKind, ModelPrice, PriceBook, Terms } from './book.ts';
import { type Fee, feeOf, type Plan, planOf, type Settings } from './rate-plan.ts';

/** What one organization pays under one book: multiplied out when first needed, then looked up. */
export interface RateTables {
  /** Undefined for a model without a price at that time. */
  plan(model: string, settings: Settings, at: Date): PricedPlan | undefined;
  fee(kind: FeeKind, at: Date): Fee;
}

export interface PricedPlan {
  readonly price: ModelPrice;
  readonly plan: Plan;
}

/** Multiplying out costs ten times a look-up, and a book has few ways of serving. */
const tablesOf = new WeakMap<PriceBook, BookTables>();
export const LIST_PRICES: Terms = [];

/**
 * Books and terms are immutable: a changed contract is a new array. Tables live as long as both.
 */
export function rateTables(book: PriceBook, terms: Terms): RateTables {
  let tables = tablesOf.get(book);
  if (tables === undefined) {
    tables = { list: new Tables(book, LIST_PRICES), discounted: new WeakMap() };
    tablesOf.set(book, tables);
  }
  if (terms.length === 0) return tables.list;
  let discounted = tables.discounted.get(terms);
  if (discounted === undefined) {
    discounted = new Tables(book, terms);
    tables.discounted.set(terms, discounted);
  }
  return discounted;
}

interface BookTables {
  readonly list: Tables;
  readonly discounted: WeakMap<Terms, Tables>;
}

/** One row of the book while its prices and the terms on it stay the same. */
interface Row {
  readonly price: ModelPrice;
  readonly span: Span;
  readonly plans: (PricedPlan | undefined)[];
}

/** From inclusive, until exclusive, in milliseconds. */
interface Span {
  readonly from: number;
  readonly until: number;
}

class Tables implements RateTables {
  private readonly book: PriceBook;
  private readonly terms: Terms;
  /** Every instant at which a discount begins or ends, ascending. */
  private readonly changes: readonly number[];
  private readonly rows = new Map<string, Row>();
  private readonly fees = new Map<FeeKind, { span: Span; fee: Fee }>();

  constructor(book: PriceBook, terms: Terms) {
    this.book = book;
    this.terms = terms;
    const ends = terms.flatMap(({ from, until }) => (until === null ? [from] : [from, until]));
    this.changes = ends.map((end) => end.getTime()).sort((a, b) => a - b);
  }

  plan(model: string, settings: Settings, at: Date): PricedPlan | undefined {
    const row = this.row(model, at);
    if (row === undefined) return undefined;
    const served =
      (settings.speed === 'fast' ? 1 : 0) +
      (settings.inferenceGeo === 'us' ? 2 : 0) +
      (settings.serviceTier === 'batch' ? 4 : 0);
    const known = row.plans[served];
    if (known !== undefined) return known;
    const plan = { price: row.price, plan: planOf(row.price, settings, this.terms, at) };
    row.plans[served] = plan;
    return plan;
  }

  fee(kind: FeeKind, at: Date): Fee {
    const known = this.fees.get(kind);
    if (known !== undefined && within(known.span, at)) return known.fee;
    const fee = feeOf(this.book, kind, this.terms, at);
    this.fees.set(kind, { span: this.spanOfTerms(at), fee });
    return fee;
  }

  /** Only names of the book are remembered: a hostile name must not grow the table. */
  private row(model: string, at: Date): Row | undefined {
    const known = this.rows.get(model);
    if (known !== undefined && within(known.span, at)) return known;
    const price = this.book.priceOf(model, at);
    if (price === undefined) return undefined;
    const terms = this.spanOfTerms(at);
    const span = {
      from: Math.max(terms.from, price.from.getTime()),
      until: Math.min(terms.until, price.until?.getTime() ?? Number.POSITIVE_INFINITY),
    };
    const row = { price, span, plans: Array.from({ length: 8 }, () => undefined) };
    this.rows.set(model, row);
    return row;
  }

  private spanOfTerms(at: Date): Span {
    let [from, until] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const change of this.changes) {
      if (change <= at.getTime()) from = change;
      else if (change < until) until = change;
    }
    return { from, until };
  }
}

const within = (span: Span, at: Date): boolean =>
  span.from <= at.getTime() && at.getTime() < span.until;
