import { Fault } from '#kernel/assert';
import type { Usage } from '#kernel/usage';
import { foldBatchItem } from '#metering/batch-item';
import { estimatedUsage } from '#metering/estimate';
import { type Expectation, type Folded, foldMessage, streamFold } from '#metering/fold';
import { withTime } from '#metering/measured-time';
import { COMPONENT_KINDS, type Discount, type PriceBook, type Terms } from '#pricing/book';
import { loadPriceBook } from '#pricing/book-data';
import { containerTime } from '#pricing/container-time';
import { type RatedLine, rate } from '#pricing/rate';
import { Fraction } from './fraction.mjs';
import type { Expected, ExpectedLine, Question } from './oracle.mjs';
import type { DiscountData } from './prices.mjs';

/** Loads a book of the corpus as the product loads any price book. */
export function loadBookOrFail(data: unknown): PriceBook {
  const loaded = loadPriceBook(data);
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Fault(`the book is invalid: ${loaded.problems.join('; ')}`);
}

/** What the product makes of a row of the corpus, in the corpus's own terms. */
export function verdictOf(book: PriceBook, row: Question): Expected {
  const at = new Date(row.admitted_at);
  const asked = book.priceOf(row.asked_model, at);
  const fastIsSold =
    asked !== undefined &&
    (asked.fast !== null || asked.explicit.some(({ speed }) => speed === 'fast'));
  if (asked === undefined || (row.asked_speed === 'fast' && !fastIsSold)) return nothing('refused');
  const usage = usageOf(book, row);
  if (typeof usage === 'string') return nothing(usage);
  const rated = rate(book, usage, at, termsOf(row.discounts));
  if (rated.outcome !== 'rated') return nothing('quarantined');
  return {
    outcome: 'charged',
    total_nanos: String(rated.amount),
    list_nanos: String(rated.listAmount),
    ...(rated.upstreamCost === null ? {} : { upstream_nanos: String(rated.upstreamCost) }),
    lines: rated.lines.map(lineOf),
  };
}

/** What the product would rate, or how it ends without a charge. */
export function usageOf(book: PriceBook, row: Question): Usage | 'free' | 'quarantined' {
  if (row.status !== undefined && row.status !== 200) return 'free';
  const folded = foldAnswer(row, expectationOf(book, row));
  const usage = chargedUsage(row, folded);
  if (usage === null) return folded.rule === 'S12' ? 'quarantined' : 'free';
  return timed(book, row, usage);
}

/** The rule the product settles a row by. What cannot be priced is set aside, whatever its form. */
export function ruleOf(book: PriceBook, row: Question): string {
  if (verdictOf(book, row).outcome === 'quarantined') return 'S12';
  return foldAnswer(row, expectationOf(book, row)).rule;
}

function expectationOf(book: PriceBook, row: Question): Expectation {
  const at = new Date(row.admitted_at);
  return {
    model: row.asked_model,
    outputTokensMax: row.max_tokens,
    contextWindowOf: (model) => book.priceOf(model, at)?.contextWindow,
  };
}

const nothing = (outcome: 'refused' | 'free' | 'quarantined'): Expected => ({
  outcome,
  total_nanos: '0',
  list_nanos: '0',
  lines: [],
});

function foldAnswer(row: Question, expectation: Expectation): Folded {
  if (row.batch_result !== undefined) {
    const item = foldBatchItem({ custom_id: 'one', result: row.batch_result }, () => expectation);
    if (item.outcome === 'item') return item.folded;
    throw new Fault(item.reason);
  }
  if (row.events === undefined) return foldMessage(row.answer, expectation);
  const fold = streamFold(expectation);
  for (const event of row.events) fold.event(event.type, event);
  return fold.end(fold.stopSeen() ? 'complete' : 'truncated');
}

/** Null if nothing is charged. Under S11 the counted output stands in for the missing report. */
function chargedUsage({ stopped_by_us: stopped }: Question, folded: Folded): Usage | null {
  const answered = folded.chargeable ? folded.usage : null;
  if (stopped === undefined) return answered;
  const estimated = estimatedUsage(folded, stopped.counted_output_tokens);
  return estimated === undefined ? answered : estimated;
}

function timed(book: PriceBook, row: Question, usage: Usage): Usage {
  if (row.measured === undefined) return usage;
  const { tools, executions_ms, files_preloaded, free_seconds_used, session_ms } = row.measured;
  const container = containerTime(
    {
      tools: tools.map((type) => ({ type })),
      executionsMs: executions_ms,
      filesPreloaded: files_preloaded,
      freeSecondsUsed: free_seconds_used,
    },
    book.fees,
  );
  const result = withTime(usage, {
    codeExecutionSeconds: container.chargedSeconds,
    sessionMilliseconds: session_ms,
  });
  if (result.outcome === 'timed') return result.usage;
  throw new Fault(result.reason);
}

export const termsOf = (discounts: readonly DiscountData[] = []): Terms =>
  discounts.map((discount): Discount => {
    const { numerator, denominator } = Fraction.read(discount.factor);
    return {
      model: discount.model,
      factor: { numerator, denominator },
      appliesTo: new Set(
        COMPONENT_KINDS.filter((kind) => discount.applies_to?.includes(kind) ?? true),
      ),
      from: new Date(discount.from),
      until: discount.until === null ? null : new Date(discount.until),
    };
  });

function lineOf(line: RatedLine): ExpectedLine {
  const amount = String(new Fraction(line.numerator, line.denominator));
  if (line.kind === 'rounding') return { kind: 'rounding', amount };
  return {
    kind: line.kind,
    model: line.model,
    units: String(line.units),
    unit_price_nanos: String(line.unitPriceNanos),
    per: String(line.per),
    multipliers: line.multipliers.map(({ name, numerator, denominator }) => [
      name,
      String(numerator),
      String(denominator),
    ]),
    amount,
  };
}
