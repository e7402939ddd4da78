import { Batcher } from '#charging/batcher';
import type { HoldCommand, HoldOutcome, SettleCommand, SettleOutcome } from '#charging/commands';
import { inOrganizationOrder } from '#charging/grouping';
import * as sql from '#charging/sql';
import type { Pool } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { OrganizationId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { recordRow } from '#metering/record';

export type { HoldCommand, HoldOutcome, SettleCommand, SettleOutcome } from '#charging/commands';

/** The money path of one request: hold before the upstream is called, settle what it used. */
export interface Charging {
  hold(command: HoldCommand): Promise<HoldOutcome>;
  settle(command: SettleCommand): Promise<SettleOutcome>;
  /**
   * Whether the store has left a batch of holds unanswered for most of a second. A command that
   * merely waits its turn on a busy machine is not a sign of that.
   */
  silent(): boolean;
  /** Waits for what is under way, then stops renewing leases. Open holds lapse by themselves. */
  close(): Promise<void>;
}

export interface ChargingOptions {
  /** Two lanes, so that a hold never waits behind settlements: one pool of one connection each. */
  readonly holdLane: Pool;
  readonly settleLane: Pool;
  readonly leaseMs?: number;
  readonly renewEveryMs?: number;
  readonly batchMax?: number;
  /** Told why a command could not be run; never told anything of a request's content. */
  readonly onFailure?: (error: unknown) => void;
}

/** Rule H4: a lease of 45 s, renewed every 15 s, survives two lost renewals. */
const LEASE_MS = 45_000;
const RENEW_EVERY_MS = 15_000;
/**
 * Silence is counted in turns of the event loop at least this far apart, so that a process too busy
 * to read an answer does not take it for missing.
 */
const TICK_MS = 100;
const SILENT_TICKS = 8;
/** Beyond this a batch no longer gains throughput, and it holds its locks longer. */
const BATCH_MAX = 256;
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

function holdOutcome(command: HoldCommand, row: sql.PlacedRow): HoldOutcome {
  const available = nanos(row.available_nanos);
  switch (row.outcome) {
    case 'held':
      return { outcome: 'held', available };
    case 'insufficient_credit':
    case 'in_debt':
      return { outcome: row.outcome, available, required: command.amount };
    case 'key_revoked':
    case 'key_expired':
    case 'organization_suspended':
    case 'already_resolved':
      return { outcome: row.outcome };
    default:
      throw new Fault(`charging.place_batch answered ${row.outcome}`);
  }
}

function settleOutcome(row: sql.SettledRow): SettleOutcome {
  switch (row.outcome) {
    case 'settled':
    case 'voided': {
      const flags: ('late' | 'overrun')[] = [];
      if (row.late) flags.push('late');
      if (row.overrun_nanos > 0n) flags.push('overrun');
      return {
        outcome: row.outcome,
        charged: nanos(row.charged_nanos),
        available: nanos(row.available_nanos),
        flags,
      };
    }
    case 'already_resolved':
      return {
        outcome: row.outcome,
        charged: nanos(row.charged_nanos),
        available: nanos(row.available_nanos),
      };
    case 'unknown_hold':
      return { outcome: row.outcome };
    default:
      throw new Fault(`charging.settle_batch answered ${row.outcome}`);
  }
}

export function openCharging(options: ChargingOptions): Charging {
  const leaseMs = options.leaseMs ?? LEASE_MS;
  const batchMax = options.batchMax ?? BATCH_MAX;
  const open = new Map<string, HoldCommand>();

  async function place(commands: readonly HoldCommand[]): Promise<HoldOutcome[]> {
    const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
    const statement = sql.placeBatch(
      orgs,
      ends,
      sorted.map((c) => c.requestId),
      sorted.map((c) => c.apiKeyId),
      sorted.map((c) => c.amount),
      leaseMs,
    );
    const rows = await withRetries(() => options.holdLane.query<sql.PlacedRow>(statement));
    return restore(rows.map((row, index) => holdOutcome(at(sorted, index), row)));
  }

  async function resolve(commands: readonly SettleCommand[]): Promise<SettleOutcome[]> {
    const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
    const statement = sql.settleBatch(
      orgs,
      ends,
      sorted.map((c) => c.requestId),
      sorted.map((c) => c.resolution),
      sorted.map((c) => (c.resolution === 'void' ? 0n : c.cost)),
      sorted.map((c) => c.record.lossUsage),
      sorted.map((c) => recordRow(c.record)),
    );
    const rows = await withRetries(() => options.settleLane.query<sql.SettledRow>(statement));
    return restore(rows.map(settleOutcome));
  }

  const unavailable = (_: unknown, error: unknown) => {
    options.onFailure?.(error);
    return { outcome: 'ledger_unavailable' } as const;
  };
  const unsettled = (_: unknown, error: unknown) => {
    options.onFailure?.(error);
    const never = DATA_ERRORS.test(sqlState(error));
    return { outcome: never ? 'rejected' : 'ledger_unavailable' } as const;
  };
  const holds = new Batcher<HoldCommand, HoldOutcome>({
    run: place,
    failed: unavailable,
    split,
    batchMax,
  });
  const settlements = new Batcher<SettleCommand, SettleOutcome>({
    run: resolve,
    failed: unsettled,
    split,
    batchMax,
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
    async hold(command) {
      const outcome = await holds.submit(command);
      if (outcome.outcome === 'held') open.set(command.requestId, command);
      return outcome;
    },
    async settle(command) {
      const outcome = await settlements.submit(command);
      // Unsettled because the store did not answer: the hold stays ours and is kept alive.
      if (outcome.outcome !== 'ledger_unavailable') open.delete(command.requestId);
      return outcome;
    },
    async close() {
      clearInterval(renewal);
      clearInterval(watch);
      await Promise.all([holds.idle(), settlements.idle()]);
    },
  };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Fault(`the batch answered more rows than it was asked`);
  return item;
}
