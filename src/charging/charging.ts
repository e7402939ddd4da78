import { Batcher } from '#charging/batcher';
import type {
  ExtendCommand,
  ExtendOutcome,
  HoldCommand,
  HoldOutcome,
  SettleCommand,
  SettleOutcome,
} from '#charging/commands';
import { type Flushed, flusher } from '#charging/flusher';
import { inOrganizationOrder } from '#charging/grouping';
import { extendOutcome, holdOutcome, settleOutcome, UNANSWERED } from '#charging/outcomes';
import * as sql from '#charging/sql';
import type { Pool } from '#db/pool';
import type { OrganizationId, RequestId } from '#kernel/ids';
import { recordColumns } from '#metering/record';

export type {
  ExtendCommand,
  ExtendOutcome,
  HoldCommand,
  HoldOutcome,
  SettleCommand,
  SettleOutcome,
} from '#charging/commands';

/** The money path of one request: hold before the upstream is called, settle what it used. */
export interface Charging {
  hold(command: HoldCommand): Promise<HoldOutcome>;
  /** Raises an open hold while its request runs (H5): in the lane of holds, before more is used. */
  extend(command: ExtendCommand): Promise<ExtendOutcome>;
  settle(command: SettleCommand): Promise<SettleOutcome>;
  /**
   * Whether the store has left a batch of holds unanswered for most of a second. A command that
   * merely waits its turn on a busy machine is not a sign of that.
   */
  silent(): boolean;
  /** Renews the leases of all open holds now; otherwise that happens every `renewEveryMs`. */
  renew(): Promise<void>;
  /** These holds are kept alive by somebody else from now on, or lapse: no longer renewed here. */
  handOver(requestIds: readonly RequestId[]): void;
  /** Waits for what is under way, then stops renewing leases. Open holds lapse by themselves. */
  close(): Promise<void>;
}

export interface ChargingOptions {
  /** Two lanes, so that a hold never waits behind settlements: one pool of one connection each. */
  readonly holdLane: Pool;
  readonly settleLane: Pool;
  /**
   * Given, large batches commit without waiting for the disk, and nobody is told of one before a
   * later commit on this connection is on it (docs/decisions/0021).
   */
  readonly flushLane?: Pool;
  /** What is large, in commands; 64 if absent. */
  readonly unflushedFrom?: number;
  readonly leaseMs?: number;
  readonly renewEveryMs?: number;
  readonly batchMax?: number;
  /** Told why a command could not be run; never told anything of a request's content. */
  readonly onFailure?: (error: unknown) => void;
}

/** What the lane of holds carries: both ask for a promise. */
type Promising =
  | ({ readonly kind: 'place' } & HoldCommand)
  | ({ readonly kind: 'extend' } & ExtendCommand);

/** Rule H4: a lease of 45 s, renewed every 15 s, survives two lost renewals. */
const LEASE_MS = 45_000;
const RENEW_EVERY_MS = 15_000;
/**
 * Silence is counted in turns of the event loop at least this far apart, so that a process too busy
 * to read an answer does not take it for missing.
 */
const TICK_MS = 100;
const SILENT_TICKS = 8;
/**
 * Beyond this a batch no longer gains throughput, and it holds its locks longer. With all that is in
 * flight in one batch, this process and the database would take turns instead of working at once.
 */
const BATCH_MAX = 128;
/**
 * From this size on the other lane has waited longer for the disk than a round trip costs. Smaller
 * batches are answered sooner when their own commit waits.
 */
const UNFLUSHED_FROM = 64;
/** Statements that failed for these reasons did nothing and may run again as they are. */
const RETRYABLE = new Set(['40001', '40P01']);
const RETRIES_MAX = 3;
/** SQLSTATE classes of a value the database cannot take: the fault of one command, not of all. */
const DATA_ERRORS = /^(22|23|BU|P0)/;
/** Somebody holds an organization's book: the fault of that organization's commands, not of all. */
const LOCKED = '55P03';

const sqlState = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

async function withRetries<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === RETRIES_MAX || !RETRYABLE.has(sqlState(error))) throw error;
    }
  }
}

/** One command each where a value is at fault, one organization each where a lock is. */
function split<C extends { readonly organizationId: OrganizationId }>(
  commands: readonly C[],
  error: unknown,
): C[][] | undefined {
  const state = sqlState(error);
  if (DATA_ERRORS.test(state)) return commands.map((command) => [command]);
  if (state !== LOCKED) return undefined;
  return [...Map.groupBy(commands, (command) => command.organizationId).values()];
}

export function openCharging(options: ChargingOptions): Charging {
  const leaseMs = options.leaseMs ?? LEASE_MS;
  const batchMax = options.batchMax ?? BATCH_MAX;
  const open = new Map<string, HoldCommand>();
  const { flushLane, unflushedFrom = UNFLUSHED_FROM } = options;
  const disk =
    flushLane && flusher(() => flushLane.query<sql.FlushedRow>(sql.flush).then(sql.lifeOf));
  const unflushed = ({ length }: readonly unknown[]): Flushed | undefined =>
    length < unflushedFrom ? undefined : disk?.begin();

  async function place(
    commands: readonly Promising[],
    unflushed: boolean,
  ): Promise<sql.PlacedRow[]> {
    const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
    const asked = sql.placeBatch(
      orgs,
      ends,
      sorted.map((c) => c.kind),
      sorted.map((c) => c.requestId),
      sorted.map((c) => (c.kind === 'place' ? c.apiKeyId : null)),
      sorted.map((c) => (c.kind === 'place' ? c.amount : c.toAmount)),
      leaseMs,
    );
    const statement = unflushed ? sql.unflushed(asked) : asked;
    return restore(await withRetries(() => options.holdLane.query<sql.PlacedRow>(statement)));
  }

  async function resolve(
    commands: readonly SettleCommand[],
    unflushed: boolean,
  ): Promise<SettleOutcome[]> {
    const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
    const asked = sql.settleBatch(
      orgs,
      ends,
      sorted.map((c) => c.requestId),
      sorted.map((c) => c.resolution),
      sorted.map((c) => (c.resolution === 'void' ? 0n : c.cost)),
      sorted.map((c) => c.record.lossUsage),
      sorted.map((c) => c.happenedAt ?? null),
      recordColumns(sorted.map((c) => c.record)),
    );
    const statement = unflushed ? sql.unflushed(asked) : asked;
    const rows = await withRetries(() => options.settleLane.query<sql.SettledRow>(statement));
    return restore(rows.map(settleOutcome));
  }

  const unavailable = (_: unknown, error: unknown) => {
    options.onFailure?.(error);
    return UNANSWERED;
  };
  const unsettled = (_: unknown, error: unknown) => {
    options.onFailure?.(error);
    const never = DATA_ERRORS.test(sqlState(error));
    return { outcome: never ? 'rejected' : 'ledger_unavailable' } as const;
  };
  const holds = new Batcher<Promising, sql.PlacedRow>({
    run: place,
    failed: unavailable,
    split,
    batchMax,
    unflushed,
  });
  const settlements = new Batcher<SettleCommand, SettleOutcome>({
    run: resolve,
    failed: unsettled,
    split,
    batchMax,
    unflushed,
  });

  async function renew(): Promise<void> {
    const kept = [...open.values()];
    if (kept.length === 0) return;
    const statement = sql.renewLeases(
      kept.map((c) => c.organizationId),
      kept.map((c) => c.requestId),
      leaseMs,
    );
    await options.settleLane.query(statement).catch((error) => options.onFailure?.(error));
  }
  const renewal = setInterval(() => void renew(), options.renewEveryMs ?? RENEW_EVERY_MS);
  renewal.unref();

  let watched: number | undefined;
  let ticks = 0;
  const watch = setInterval(() => {
    ticks = holds.underWay !== undefined && holds.underWay === watched ? ticks + 1 : 0;
    watched = holds.underWay;
  }, TICK_MS);
  watch.unref();

  return {
    silent: () => ticks >= SILENT_TICKS,
    renew,
    async hold(command) {
      const outcome = holdOutcome(command, await holds.submit({ ...command, kind: 'place' }));
      if (outcome.outcome === 'held') open.set(command.requestId, command);
      return outcome;
    },
    async extend(command) {
      return extendOutcome(command, await holds.submit({ ...command, kind: 'extend' }));
    },
    async settle(command) {
      const outcome = await settlements.submit(command);
      // Unsettled because the store did not answer: the hold stays ours and is kept alive.
      if (outcome.outcome !== 'ledger_unavailable') open.delete(command.requestId);
      return outcome;
    },
    handOver(requestIds) {
      for (const id of requestIds) open.delete(id);
    },
    async close() {
      clearInterval(renewal);
      clearInterval(watch);
      await Promise.all([holds.idle(), settlements.idle()]);
    },
  };
}
