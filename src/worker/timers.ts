import { purgeBatches } from '#batches/purge';
import { forgetKeys } from '#charging/idempotency';
import { expireLapsedHolds } from '#charging/lapse';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { forgetContainers } from '#orgs/containers';
import type { PaymentsDeps, PaymentsLog } from '#payments/deps';
import { pollDuePurchases, sweepEvents } from '#payments/sweep';

export interface Timer {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

const HOLDS_PER_SWEEP = 1_000;
const KEYS_PER_SWEEP = 10_000;
const CONTAINERS_PER_SWEEP = 10_000;

/** Everything that happens by the clock. Real time: what they look at follows real time too. */
export function timers(payments: PaymentsDeps): readonly Timer[] {
  return [
    { name: 'sweep payment events', everyMs: 1_000, run: () => sweepEvents(payments) },
    // On its own, so that one purchase that cannot be read does not delay the others' credit.
    { name: 'poll purchases', everyMs: 1_000, run: () => pollDuePurchases(payments) },
    {
      name: 'expire lapsed holds',
      everyMs: 10_000,
      run: () => expireLapsedHolds(payments.pool, HOLDS_PER_SWEEP),
    },
    {
      // It asks for business time itself, so it follows the test clock within one turn.
      name: 'book stopped grants',
      everyMs: 10_000,
      run: () => bookAllStoppedGrants(payments.pool),
    },
    {
      // A key is free a day after its use without this; the rows would only pile up.
      name: 'forget idempotency keys',
      everyMs: 60_000,
      run: () => forgetKeys(payments.pool, KEYS_PER_SWEEP),
    },
    {
      // Nobody can ask for it any more: this only keeps the tables small.
      name: 'purge message batches',
      everyMs: 60_000,
      run: () => purgeBatches(payments.pool),
    },
    {
      name: 'forget containers',
      everyMs: 3_600_000,
      run: () => forgetContainers(payments.pool, CONTAINERS_PER_SWEEP),
    },
  ];
}

export interface RunningTimer {
  /** Resolves when the run under way, if any, has ended. */
  stop(): Promise<void>;
}

/** Runs at once, then every `everyMs` after the start of the last run, never twice at a time. */
export function startTimer(timer: Timer, log: PaymentsLog | undefined): RunningTimer {
  let stopped = false;
  let running: Promise<void> | undefined;
  const turn = async (): Promise<void> => {
    try {
      await timer.run();
    } catch (error) {
      log?.error({ timer: timer.name, err: error }, 'a timer failed and is tried again');
    } finally {
      running = undefined;
    }
  };
  const tick = (): void => {
    if (!stopped && running === undefined) running = turn();
  };
  const handle = setInterval(tick, timer.everyMs);
  tick();
  return {
    async stop() {
      stopped = true;
      clearInterval(handle);
      await running;
    },
  };
}
