import type { LivePrices, PricesNow } from '#catalog/live';
import type { Charging } from '#charging/charging';
import type { HoldCommand, HoldOutcome } from '#charging/commands';
import { keepHolds } from '#charging/lapse';
import type { Pool } from '#db/pool';
import { type BatchId, type Entropy, newId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { type CreationClaim, keepCreation } from './creation-keys.ts';
import { type HoldKeeper, holdKeeper, KEPT_AT_ONCE } from './hold-keeper.ts';
import {
  giveBackAll,
  holdAll,
  type PinnedPrices,
  type PricedItem,
  priceItem,
  type Unpriced,
} from './holds.ts';
import { BATCH_LEASE_MS } from './keep.ts';
import {
  acceptBatch,
  type Batch,
  type BatchOwner,
  closeRefused,
  findBatch,
  itemRequestId,
  noteBatch,
  recordBatch,
} from './records.ts';
import { type AskedItem, type AskedItems, readItems } from './requests.ts';
import type { BatchUpstream, UpstreamBatch } from './upstream-batch.ts';

export interface CreateDeps {
  readonly pool: Pool;
  readonly charging: Charging;
  readonly prices: LivePrices;
  readonly wouldHold: (command: HoldCommand) => Promise<HoldOutcome>;
  readonly entropy: Entropy;
  /** Server tools without a bound are held as that many uses; 0 refuses them (H2). */
  readonly carriedToolUses: number;
  /** Models whose answers cannot be believed at the moment. */
  readonly refusesModel: (model: string) => boolean;
  /** Told why the store did not take something. */
  readonly onFailure: (error: unknown) => void;
}

/** A batch that is paid for up to its worst case, and written down: it may be sent now. */
export interface PreparedBatch {
  readonly owner: BatchOwner;
  readonly id: BatchId;
  readonly items: readonly PricedItem[];
  readonly prices: PinnedPrices;
  readonly admittedAt: Date;
  /** Keeps its holds alive until it is accepted or dropped. */
  readonly keeper: HoldKeeper;
}

/** What items name of the operator's account, where the upstream would let anybody use it. */
export interface NamedCheck {
  /** Called with each item, as it is read; to be cheap where it names nothing. */
  read(item: AskedItem): void;
  /** What of it is not the caller's; `unknown` if nobody can say at the moment. Never rejects. */
  foreign(): Promise<string | 'unknown' | undefined>;
}

/** A creation as it was asked for. */
export interface Asked {
  readonly owner: BatchOwner;
  readonly body: Buffer;
  /** The upstream it will be made at. */
  readonly upstream: string;
  /** The Idempotency-Key that was claimed for it. Kept alive here, released by nobody here. */
  readonly claim?: CreationClaim | undefined;
  readonly named?: NamedCheck | undefined;
}

type Refusal =
  | Extract<AskedItems<never>, { outcome: 'invalid' }>
  | Unpriced
  | { readonly outcome: 'model_refused' }
  /** It names, in these words, what is not its customer's. */
  | { readonly outcome: 'foreign'; readonly what: string };

export type Prepared =
  | { readonly outcome: 'prepared'; readonly batch: PreparedBatch }
  | Refusal
  /** Its key went to another creation, because this one stood still for too long. */
  | { readonly outcome: 'overtaken' }
  | { readonly outcome: 'not_held'; readonly why: Exclude<HoldOutcome, { outcome: 'held' }> };

/** Prices that change while holds are taken are rare; that they do so each time is not believable. */
const TRIES = 3;
/** No ledger could hold more; nobody has that much. */
const TOTAL_NANOS_MAX = 2n ** 62n;
const unavailable = { outcome: 'not_held', why: { outcome: 'ledger_unavailable' } } as const;

/** Reads, prices and holds a batch, all of its items or none, and writes it down. */
export async function prepareBatch(deps: CreateDeps, asked: Asked): Promise<Prepared> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const live = await orNothing(deps, deps.prices.latest());
    if (live === undefined) return unavailable;
    const prices = {
      book: live.prices.book,
      terms: live.prices.termsOf(asked.owner.organizationId),
    };
    const named = attempt === 1 ? asked.named : undefined;
    const read = await readPriced(deps, asked.body, prices, live.now, named);
    if (read.outcome !== 'priced') return read;
    const foreign = await named?.foreign();
    if (foreign === 'unknown') return unavailable;
    if (foreign !== undefined) return { outcome: 'foreign', what: foreign };
    const held = await holdAndRecord(deps, asked, live, prices, read.items, read.total);
    if (held !== 'prices_changed') return held;
  }
  return unavailable;
}

type Read =
  | { readonly outcome: 'priced'; readonly items: readonly PricedItem[]; readonly total: bigint }
  | Refusal;

/** Of each item only its name and what it can cost stay in memory. */
async function readPriced(
  deps: CreateDeps,
  body: Buffer,
  prices: PinnedPrices,
  at: Date,
  named: NamedCheck | undefined,
): Promise<Read> {
  const items: PricedItem[] = [];
  let total = 0n;
  const read = await readItems<Refusal>(body, (asked) => {
    const item = priceItem(prices, asked, at, deps.carriedToolUses);
    if ('outcome' in item) return item;
    if (deps.refusesModel(item.model)) return { outcome: 'model_refused' };
    named?.read(asked);
    items.push(item);
    total += item.hold;
    return undefined;
  });
  if (read.outcome === 'stopped') return read.stop;
  if (read.outcome === 'invalid') return read;
  if (total > TOTAL_NANOS_MAX) {
    return { outcome: 'invalid', message: 'requests: they could cost more than can be held' };
  }
  return { outcome: 'priced', items, total };
}

async function holdAndRecord(
  deps: CreateDeps,
  { owner, claim, upstream }: Asked,
  live: PricesNow,
  prices: PinnedPrices,
  items: readonly PricedItem[],
  total: bigint,
): Promise<Prepared | 'prices_changed'> {
  const id = newId('batch', deps.entropy);
  // Asked for as one, so that a refusal names the whole sum, and thousands of holds are not taken
  // to be given back. What decides are the holds.
  const first = { ...owner, requestId: itemRequestId(id, 0) };
  const would = await orNothing(deps, deps.wouldHold({ ...first, amount: nanos(total) }));
  if (would === undefined) return unavailable;
  if (would.outcome !== 'held') return { outcome: 'not_held', why: would };
  const keepClaim = async () => claim && (await keepCreation(deps.pool, claim));
  const keeper = holdKeeper(deps.pool, owner.organizationId, deps.onFailure, keepClaim);
  const batch = { owner, id, items, prices, admittedAt: live.now, keeper };
  const stillSo = (asOf: { readonly epoch: bigint; readonly now: Date }): boolean =>
    live.prices.epoch === asOf.epoch && live.prices.steady(live.now, asOf.now);
  const held = await holdAll(deps.charging, owner, id, items, {
    stillSo,
    taken(ids) {
      keeper.add(ids);
      deps.charging.handOver(ids);
    },
    giveBack: async (part) => void (await giveBack(deps, batch, 'S6', part)),
  });
  if (held.outcome === 'prices_changed') return held.outcome;
  if (held.outcome === 'refused') return { outcome: 'not_held', why: held.why };
  const priceEpoch = live.prices.epoch;
  const row = { ...owner, id, upstream, priceEpoch, admittedAt: live.now, items, claim };
  const written = await orNothing(deps, recordBatch(deps.pool, row));
  if (written !== true) {
    await giveBack(deps, batch, 'S6', items);
    return written === undefined ? unavailable : { outcome: 'overtaken' };
  }
  return { outcome: 'prepared', batch };
}

const orNothing = <T>(
  { onFailure }: Pick<CreateDeps, 'onFailure'>,
  work: Promise<T>,
): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    onFailure(error);
    return undefined;
  });

async function giveBack(
  { charging }: Pick<CreateDeps, 'charging'>,
  { owner, id: batchId, prices, admittedAt: startedAt, keeper }: PreparedBatch,
  rule: 'S6' | 'S8',
  items: readonly PricedItem[],
): Promise<boolean> {
  await keeper.stop();
  const given = { owner, batchId, priceVersion: prices.book.version, startedAt, rule };
  return await giveBackAll(charging, given, items);
}

/** The upstream did not take it. Whatever cannot be given back now is when the row is looked at. */
export async function dropPrepared(
  deps: Pick<CreateDeps, 'pool' | 'charging' | 'onFailure'>,
  batch: PreparedBatch,
  rule: 'S6' | 'S8',
): Promise<void> {
  const { owner, id, items } = batch;
  const all = await giveBack(deps, batch, rule, items);
  const row = { organizationId: owner.organizationId, id };
  if (all) await closeRefused(deps.pool, row).catch(deps.onFailure);
}

const WRITE_TRIES = 4;
const PAUSE_MS = 1_000;

/**
 * The upstream has taken it: from here on its holds belong to whoever looks after batches, and live
 * for a day. Undefined if that could not be written down; it is then canceled and given back.
 */
export async function acceptPrepared(
  deps: Pick<CreateDeps, 'pool' | 'charging' | 'onFailure'> & { readonly upstream: BatchUpstream },
  batch: PreparedBatch,
  seen: UpstreamBatch,
  pauseMs = PAUSE_MS,
): Promise<Batch | undefined> {
  for (let attempt = 1; attempt <= WRITE_TRIES; attempt++) {
    try {
      const accepted = await writeAccepted(deps, batch, seen);
      await batch.keeper.stop();
      return accepted;
    } catch (error) {
      deps.onFailure(error);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  await deps.upstream.cancel(seen.id);
  await dropPrepared(deps, batch, 'S8');
  return undefined;
}

async function writeAccepted(
  { pool, onFailure }: Pick<CreateDeps, 'pool' | 'onFailure'>,
  { owner, id, items }: PreparedBatch,
  seen: UpstreamBatch,
): Promise<Batch> {
  const { organizationId } = owner;
  const ids = items.map(({ number }) => itemRequestId(id, number));
  let kept = 0;
  const accepted = await pool.transaction(async (tx) => {
    for (let from = 0; from < ids.length; from += KEPT_AT_ONCE) {
      const part = ids.slice(from, from + KEPT_AT_ONCE);
      kept += await keepHolds(tx, organizationId, part, BATCH_LEASE_MS);
    }
    return await acceptBatch(tx, { organizationId, id }, seen.id, BATCH_LEASE_MS);
  });
  // Perhaps by the attempt before, whose commit was not heard of.
  const written = accepted ?? (await findBatch(pool, owner, id));
  if (written?.upstreamId !== seen.id) throw new Error('the batch was given up meanwhile');
  // It stood still for longer than a lease: what lapsed is charged as far as the credit goes (H4).
  if (kept < ids.length) onFailure(new Error(`${ids.length - kept} holds of ${id} had lapsed`));
  return await noteBatch(pool, written, seen).catch(() => written);
}
