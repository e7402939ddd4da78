import type { SettleCommand } from '#charging/commands';
import { type NanoUsd, ZERO } from '#kernel/money';
import type { Folded } from '#metering/fold';
import { packLines } from '#pricing/lines';
import { type Rated, rate } from '#pricing/rate';
import type { PinnedPrices } from './holds.ts';
import { type Batch, type BatchItem, itemRequestId } from './records.ts';

export interface ItemVerdict {
  readonly command: SettleCommand;
  /** Why a person must look at it, if one must. For logs: no content. */
  readonly quarantined: string | undefined;
}

type Priced = Extract<Rated, { outcome: 'rated' }>;

/** What an item costs by its result (S18), at the prices its hold was taken by (F88). Pure. */
export function itemVerdict(
  batch: Batch,
  item: BatchItem,
  folded: Folded,
  prices: PinnedPrices,
): ItemVerdict {
  const { rule, model, usage } = folded;
  if (!folded.chargeable) {
    const quarantined = rule === 'S12' ? folded.reason : undefined;
    return resolved(batch, item, { rule, model, usage, quarantined }, prices);
  }
  const rated = rate(prices.book, folded.usage, batch.admittedAt, prices.terms);
  if (rated.outcome === 'rated')
    return resolved(batch, item, { rule, model, usage, rated }, prices);
  // Served by a model the book does not know: never guessed, a person decides.
  const quarantined =
    rated.outcome === 'model_not_priced'
      ? 'the model that served has no price'
      : 'the usage costs more than can be booked';
  return resolved(batch, item, { rule: 'S12', model, usage, quarantined }, prices);
}

/** An item the results say nothing of, though they are complete (S12). */
export const missingVerdict = (batch: Batch, item: BatchItem, prices: PinnedPrices): ItemVerdict =>
  resolved(
    batch,
    item,
    { rule: 'S12', model: null, usage: null, quarantined: 'the results have no line for it' },
    prices,
  );

interface Decision extends Pick<Folded, 'rule' | 'model' | 'usage'> {
  readonly rated?: Priced;
  readonly quarantined?: string | undefined;
}

function resolved(
  batch: Batch,
  item: BatchItem,
  { rule, model, usage, rated, quarantined }: Decision,
  { book }: PinnedPrices,
): ItemVerdict {
  const cost: NanoUsd = rated?.amount ?? ZERO;
  const command: SettleCommand = {
    organizationId: batch.organizationId,
    requestId: itemRequestId(batch.id, item.number),
    resolution: rated === undefined ? 'void' : 'settle',
    cost,
    record: {
      apiKeyId: batch.apiKeyId,
      workspaceId: batch.workspaceId,
      model: model ?? item.model,
      ...{ rule, usage },
      lines: rated === undefined ? null : packLines(rated),
      listAmount: rated?.listAmount ?? null,
      upstreamCost: rated?.upstreamCost ?? null,
      priceVersion: book.version,
      startedAt: batch.admittedAt,
      ...{ clientDisconnected: false, estimated: false, quarantined: quarantined !== undefined },
      ...{ upstreamStatus: null, lossUsage: ZERO },
    },
  };
  return { command, quarantined };
}
