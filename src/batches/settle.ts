import type { Charging } from '#charging/charging';
import type { Pool } from '#db/pool';
import { isObject } from '#kernel/json';
import { foldBatchItem } from '#metering/batch-item';
import type { Expectation } from '#metering/fold';
import { AT_ONCE, type PinnedPrices } from './holds.ts';
import { jsonLines } from './jsonl.ts';
import {
  type Batch,
  itemsNamed,
  type KnownItem,
  markSettled,
  moveBatch,
  unsettledItems,
} from './records.ts';
import type { BatchUpstream } from './upstream-batch.ts';
import { type ItemVerdict, itemVerdict, missingVerdict } from './verdict.ts';

export interface SettleDeps {
  readonly pool: Pool;
  readonly charging: Charging;
  /** Where the batch was made; undefined if its operator's configuration names that no more. */
  readonly upstreamOf: (batch: Batch) => BatchUpstream | undefined;
  /** What the batch was admitted by: the book and the discounts of its epoch. */
  readonly pricesOf: (batch: Batch) => Promise<PinnedPrices>;
  /** Told of what a person must look at; never of content. */
  readonly alarm: (batch: Batch, what: string, details: Readonly<Record<string, unknown>>) => void;
  /**
   * Told of results that are about to be handed out, parsed: what they made in the operator's account
   * is noted as their customer's. Absent: nobody notes it.
   */
  readonly noteMade?: ((batch: Batch, results: readonly unknown[]) => Promise<void>) | undefined;
}

export type Settled =
  /** Every item is resolved in the ledger; the batch is `settled`. */
  | 'settled'
  /** The results did not come, or not to their end. */
  | 'no_results'
  /** The upstream does not keep them any more. */
  | 'results_gone'
  /** The upstream it was made at is not in the configuration. */
  | 'upstream_removed'
  /** The ledger did not answer. What is booked is booked; another pass does the rest. */
  | 'ledger_unavailable';

/** What waits to be booked together is in memory, and a line may be as large as an answer may be. */
const BYTES_AT_ONCE = 8_388_608;

/** The bytes of results whose items are all resolved in the ledger, as the upstream sent them. */
export type Deliver = (bytes: Buffer) => Promise<void>;

/**
 * Books an ended batch by its results and, given `deliver`, hands them out: no result before its item
 * is in the ledger. It may be run any number of times, by any number of processes at once: each item
 * is a request of its own, which the ledger resolves once.
 */
export async function settleBatch(
  deps: SettleDeps,
  batch: Batch,
  deliver: Deliver = async () => {},
): Promise<Settled> {
  const { upstreamId } = batch;
  if (upstreamId === null) return 'no_results';
  const upstream = deps.upstreamOf(batch);
  if (upstream === undefined) return 'upstream_removed';
  const prices = await deps.pricesOf(batch);
  const lines = jsonLines();
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let booked = true;

  async function bookWaiting(): Promise<void> {
    const part = waiting;
    waiting = [];
    waitingBytes = 0;
    if (part.length === 0 || !booked) return;
    const accepted = await bookLines(deps, batch, prices, part);
    if (accepted === undefined) booked = false;
    else if (accepted.length > 0) await deliver(asBytes(accepted));
  }

  const read = await upstream.results(upstreamId, async (part) => {
    for (const line of lines.take(part)) {
      if (line.length > 0) waiting.push(line);
      waitingBytes += line.length;
      if (waiting.length >= AT_ONCE || waitingBytes >= BYTES_AT_ONCE) await bookWaiting();
    }
  });
  const last = lines.rest();
  if (read === 'whole' && last !== undefined) waiting.push(last);
  await bookWaiting();
  if (!booked) return 'ledger_unavailable';
  if (read === 'gone') return 'results_gone';
  if (read !== 'whole' || lines.overlong) return 'no_results';
  if (batch.state === 'settled') return 'settled';
  return await finish(deps, batch, prices);
}

/** Resolves what the results left out, which is for a person to look at, and closes the batch. */
async function finish(deps: SettleDeps, batch: Batch, prices: PinnedPrices): Promise<Settled> {
  for await (const items of unsettledItems(deps.pool, batch, AT_ONCE)) {
    const done = await book(
      deps,
      batch,
      items.map((item) => ({ item, verdict: missingVerdict(batch, item, prices) })),
    );
    if (done === undefined) return 'ledger_unavailable';
  }
  await moveBatch(deps.pool, batch, 'settled');
  return 'settled';
}

/** The lines that may be handed out; undefined if the ledger did not take all of them. */
async function bookLines(
  deps: SettleDeps,
  batch: Batch,
  prices: PinnedPrices,
  lines: readonly Buffer[],
): Promise<Buffer[] | undefined> {
  const results = lines.map(parsed);
  const names = results.flatMap((result) => customIdOf(result) ?? []);
  const items = await itemsNamed(deps.pool, batch, [...new Set(names)]);
  const accepted: { line: Buffer; result: unknown; number: number }[] = [];
  const resolving = new Map<number, { item: KnownItem; verdict: ItemVerdict }>();
  for (const [index, result] of results.entries()) {
    const item = items.get(customIdOf(result) ?? '');
    const line = lines[index];
    if (item === undefined || line === undefined) {
      // Nobody can be charged for it, so nobody is given it.
      deps.alarm(batch, 'a line of the results names no item of the batch', {});
      continue;
    }
    if (item.withheld) continue;
    accepted.push({ line, result, number: item.number });
    if (item.settled || resolving.has(item.number)) continue;
    const folded = foldBatchItem(result, () => expectationOf(batch, item, prices));
    if (folded.outcome !== 'item') continue;
    resolving.set(item.number, { item, verdict: itemVerdict(batch, item, folded.folded, prices) });
  }
  const unbooked = await book(deps, batch, [...resolving.values()]);
  if (unbooked === undefined) return undefined;
  const given = accepted.filter(({ number }) => !unbooked.has(number));
  await deps.noteMade?.(
    batch,
    given.map(({ result }) => result),
  );
  return given.map(({ line }) => line);
}

interface Resolving {
  readonly item: KnownItem;
  readonly verdict: ItemVerdict;
}

/**
 * The items that the ledger can never take; nobody is given their results. Undefined if it does not
 * answer: what it took, it took, and may be asked again.
 */
async function book(
  deps: SettleDeps,
  batch: Batch,
  resolving: readonly Resolving[],
): Promise<ReadonlySet<number> | undefined> {
  const unbooked = new Set<number>();
  if (resolving.length === 0) return unbooked;
  const answers = await Promise.all(
    resolving.map(({ verdict }) => deps.charging.settle(verdict.command)),
  );
  const done: number[] = [];
  for (const [index, answer] of answers.entries()) {
    const one = resolving[index];
    if (one === undefined || answer.outcome === 'ledger_unavailable') continue;
    const { item, verdict } = one;
    done.push(item.number);
    const { requestId } = verdict.command;
    // By another pass: that one rang.
    if (answer.outcome === 'already_resolved') continue;
    if (answer.outcome !== 'settled' && answer.outcome !== 'voided') {
      // The ledger can never take it: asking on would keep the rest of the batch from its end.
      deps.alarm(batch, 'an item was not booked', { requestId, why: answer.outcome });
      unbooked.add(item.number);
      continue;
    }
    if (answer.flags.length > 0) deps.alarm(batch, answer.flags.join(' '), { requestId });
    if (verdict.quarantined === undefined) continue;
    const reason = verdict.quarantined;
    deps.alarm(batch, 'quarantined: not charged, a person must look', { requestId, reason });
  }
  // Also that it is withheld: every later reading must know it, in whatever process.
  await markSettled(deps.pool, batch, done, unbooked);
  return done.length === resolving.length ? unbooked : undefined;
}

const expectationOf = (
  { admittedAt }: Batch,
  { model, outputTokensMax }: KnownItem,
  { book: prices }: PinnedPrices,
): Expectation => ({
  model,
  outputTokensMax,
  contextWindowOf: (name) => prices.priceOf(name, admittedAt)?.contextWindow,
});

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

const customIdOf = (result: unknown): string | undefined =>
  isObject(result) && typeof result.custom_id === 'string' ? result.custom_id : undefined;

const LINE_FEED = Buffer.from('\n');
const asBytes = (lines: readonly Buffer[]): Buffer =>
  Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
