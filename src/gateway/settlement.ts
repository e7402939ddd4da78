import type { SettleCommand } from '#charging/commands';
import type { JournalOutcome } from '#charging/journal';
import { writtenOff } from '#gateway/verdict';
import type { Clock } from '#kernel/clock';
import type { NanoUsd } from '#kernel/money';

export type Booking =
  | { readonly outcome: 'booked'; readonly charged: NanoUsd; readonly available: NanoUsd }
  /** Safe on the disk, and booked as soon as the ledger answers. */
  | { readonly outcome: 'journaled' }
  /** Neither in the ledger nor in the journal, so the answer must not be finished. */
  | {
      readonly outcome: 'unbooked';
      readonly why: 'ledger_unavailable' | 'unknown_hold' | 'rejected';
    };

export interface Settlements {
  /** Books one ending, trying again for a bounded time while neither store nor journal take it. */
  book(command: SettleCommand): Promise<Booking>;
  /** Releases a hold, waiting a moment at most; it goes on by itself if that was too short. */
  release(command: SettleCommand): Promise<Booking>;
  /** Waits for what is under way, then gives up the rest: their holds lapse with their leases. */
  close(graceMs: number): Promise<void>;
}

export interface SettlementOptions {
  /** The ledger's, or the journal's before it (`#charging/journal`). */
  readonly settle: (command: SettleCommand) => Promise<JournalOutcome>;
  readonly clock: Clock;
  /** How long the last bytes of an answer may wait for the ledger, in ms. */
  readonly patienceMs: number;
  readonly onTrouble: (command: SettleCommand, why: string) => void;
}

const FIRST_PAUSE_MS = 50;
const PAUSE_MAX_MS = 2_000;
// An answer that costs nothing should not wait long for a store that is away.
const RELEASE_WAIT_MS = 1_000;

export function settlements(options: SettlementOptions): Settlements {
  const underWay = new Set<Promise<unknown>>();
  let closing = false;

  /** Until the ledger has an answer, or the deadline has passed. */
  async function attempt(command: SettleCommand, untilMs: number): Promise<Booking> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      const outcome = await options.settle(command);
      switch (outcome.outcome) {
        case 'settled':
        case 'voided':
          if (outcome.flags.length > 0) options.onTrouble(command, outcome.flags.join(' '));
          return { outcome: 'booked', charged: outcome.charged, available: outcome.available };
        case 'already_resolved':
          // By an earlier attempt, whose answer was lost.
          return { outcome: 'booked', charged: outcome.charged, available: outcome.available };
        case 'journaled':
          options.onTrouble(command, 'journaled');
          return { outcome: 'journaled' };
        case 'unknown_hold':
        case 'rejected':
          return { outcome: 'unbooked', why: outcome.outcome };
        case 'ledger_unavailable':
          break;
      }
      if (closing || options.clock.elapsedMs() + pauseMs >= untilMs) {
        return { outcome: 'unbooked', why: 'ledger_unavailable' };
      }
      await pause(pauseMs);
    }
  }

  function tracked<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = (): void => void underWay.delete(work);
    work.then(done, done);
    return work;
  }

  /**
   * The hold of a request that is over would be kept alive by its owner for ever, so releasing it
   * goes on until the store answers. Had the request been settled after all, its answer lost on
   * the way, the customer paid for what was withheld: that is for an operator to make good.
   */
  async function persist(command: SettleCommand): Promise<Booking> {
    try {
      const released = await attempt(command, Number.POSITIVE_INFINITY);
      if (released.outcome === 'unbooked') options.onTrouble(command, released.why);
      if (released.outcome === 'booked' && released.charged > 0n) {
        options.onTrouble(command, 'charged but not delivered');
      }
      return released;
    } catch (error) {
      options.onTrouble(command, `release failed: ${String(error)}`);
      return unavailable;
    }
  }

  return {
    async book(command) {
      const untilMs = options.clock.elapsedMs() + options.patienceMs;
      const trying = attempt(command, untilMs).catch((error: unknown): Booking => {
        options.onTrouble(command, `settlement failed: ${String(error)}`);
        return unavailable;
      });
      // Waited for and not raced: a statement that commits after its answer was given up would
      // charge for an answer that was withheld. Each try is bounded by its lane's time-out.
      const booking = await tracked(trying);
      if (booking.outcome === 'unbooked') {
        options.onTrouble(command, booking.why);
        if (booking.why === 'ledger_unavailable') void tracked(persist(writtenOff(command)));
      }
      return booking;
    },
    release: (command) => firstOf(tracked(persist(command)), RELEASE_WAIT_MS, unavailable),
    async close(graceMs) {
      closing = true;
      await firstOf(Promise.allSettled([...underWay]), graceMs, []);
    },
  };
}

const unavailable: Booking = { outcome: 'unbooked', why: 'ledger_unavailable' };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function firstOf<T>(work: Promise<T>, ms: number, otherwise: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(otherwise), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
