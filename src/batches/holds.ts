import type { Charging } from '#charging/charging';
import type { AsOf, HoldOutcome, SettleCommand } from '#charging/commands';
import type { BatchId, RequestId } from '#kernel/ids';
import { type NanoUsd, ZERO } from '#kernel/money';
import type { PriceBook, Terms } from '#pricing/book';
import type { Bound } from '#pricing/bound';
import { boundHold } from '#pricing/bound';
import { type BatchItem, type BatchOwner, itemRequestId } from './records.ts';
import type { AskedItem } from './requests.ts';

/** What one organization pays: a version of the book, and its discounts. */
export interface PinnedPrices {
  readonly book: PriceBook;
  readonly terms: Terms;
}

export interface PricedItem extends BatchItem {
  readonly hold: NanoUsd;
}

export type Unpriced = {
  readonly outcome: 'unpriced';
  readonly number: number;
  readonly why: Exclude<Bound, { outcome: 'bounded' }>;
};

/** Items that are submitted before the first of them is answered: others wait behind no more. */
export const AT_ONCE = 128;

/** The most an item can cost, at batch prices (H1–H3, S18), or why that has no bound. */
export function priceItem(
  { book, terms }: PinnedPrices,
  { number, customId, params, bytes }: AskedItem,
  at: Date,
  carriedUses: number,
): PricedItem | Unpriced {
  const bound = boundHold(book, params, bytes.length, at, terms, carriedUses, 'batch');
  if (bound.outcome !== 'bounded') return { outcome: 'unpriced', number, why: bound };
  const { amount: hold, model, outputTokensMax } = bound;
  if (outputTokensMax < 1) {
    const message = 'max_tokens: Input should be greater than or equal to 1';
    return { outcome: 'unpriced', number, why: { outcome: 'invalid_request', message } };
  }
  return { number, customId, model, outputTokensMax, hold };
}

export type HeldAll =
  | { readonly outcome: 'held' }
  /** None of them is left: what had been taken went back. */
  | { readonly outcome: 'refused'; readonly why: Exclude<HoldOutcome, { outcome: 'held' }> }
  /** Other prices came into force while they were taken; nothing is left here either. */
  | { readonly outcome: 'prices_changed' };

export interface HoldingAll {
  /** Whether prices and time are as they were assumed. */
  readonly stillSo: (asOf: AsOf) => boolean;
  /** Told of holds that were taken: somebody has to keep them alive. */
  readonly taken: (requestIds: readonly RequestId[]) => void;
  readonly giveBack: (items: readonly PricedItem[]) => Promise<void>;
}

/** Takes one hold for each item, or none. */
export async function holdAll(
  charging: Charging,
  owner: BatchOwner,
  batchId: BatchId,
  items: readonly PricedItem[],
  { stillSo, taken, giveBack }: HoldingAll,
): Promise<HeldAll> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const commands = items.slice(from, from + AT_ONCE).map(({ number, hold: amount }) => ({
      ...{ organizationId: owner.organizationId, workspaceId: owner.workspaceId },
      ...{ apiKeyId: owner.apiKeyId, requestId: itemRequestId(batchId, number), amount },
    }));
    const answers = await Promise.all(commands.map((command) => charging.hold(command)));
    // Also those without an answer, whose holds may have been taken after all.
    taken(commands.map(({ requestId }) => requestId));
    let why: Exclude<HoldOutcome, { outcome: 'held' }> | undefined;
    let changed = false;
    for (const answer of answers) {
      if (answer.outcome !== 'held') why ??= answer;
      else if (!stillSo(answer.asOf)) changed = true;
    }
    if (why === undefined && !changed) continue;
    await giveBack(items.slice(0, from + AT_ONCE));
    return why === undefined ? { outcome: 'prices_changed' } : { outcome: 'refused', why };
  }
  return { outcome: 'held' };
}

export interface GivenUp {
  readonly owner: BatchOwner;
  readonly batchId: BatchId;
  readonly priceVersion: string;
  readonly startedAt: Date;
  /** S6: the upstream did not take the batch. S8: nobody knows how it ended. */
  readonly rule: 'S6' | 'S8';
}

/** Ends the hold of an item that nothing is charged for. */
export function giveBackCommand(batch: GivenUp, item: BatchItem): SettleCommand {
  const { owner, batchId, priceVersion, startedAt, rule } = batch;
  return {
    organizationId: owner.organizationId,
    requestId: itemRequestId(batchId, item.number),
    resolution: 'void',
    cost: ZERO,
    record: {
      apiKeyId: owner.apiKeyId,
      workspaceId: owner.workspaceId,
      model: item.model,
      ...{ rule, usage: null, lines: null, listAmount: null, upstreamCost: null },
      ...{ priceVersion, startedAt, clientDisconnected: false, estimated: false },
      ...{ quarantined: false, upstreamStatus: null, lossUsage: ZERO },
    },
  };
}

/** Gives holds back; false if not all: the rest is free when its leases have passed. */
export async function giveBackAll(
  charging: Charging,
  batch: GivenUp,
  items: readonly BatchItem[],
): Promise<boolean> {
  let all = true;
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const commands = items.slice(from, from + AT_ONCE).map((item) => giveBackCommand(batch, item));
    const answers = await Promise.all(commands.map((command) => charging.settle(command)));
    if (answers.some(({ outcome }) => outcome === 'ledger_unavailable')) all = false;
  }
  return all;
}
