import { purgeBatches } from '#batches/purge';
import { forgetKeys } from '#charging/idempotency';
import { expireLapsedHolds } from '#charging/lapse';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { addUpSpending } from '#ledger/spending';
import { announceForgotten } from '#notices/announce';
import { lookAtForgottenCredit } from '#notices/credit-watch';
import { deliverDue } from '#notices/deliver';
import type { NoticesDeps } from '#notices/deps';
import { sendDigests } from '#notices/digest';
import { tellEndings } from '#notices/endings';
import { tellLimitSteps } from '#notices/limit-steps';
import { tellShortRunways } from '#notices/runway';
import { forgetContainers } from '#orgs/containers';
import { watchAlarms } from '#payments/alarms';
import type { PaymentsDeps, PaymentsLog } from '#payments/deps';
import { lookAtOpenDisputes } from '#payments/disputes';
import { prepareDocuments } from '#payments/documents';
import { checkEndpoint } from '#payments/endpoint-check';
import { reconcileByNight } from '#payments/reconcile-night';
import { pursueDueRefunds } from '#payments/refund-course';
import { evaluateDueReloads } from '#payments/reload';
import { pursueDueRemedies } from '#payments/remedy-course';
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
    // What the jobs and events of refunds and disputes did not bring to an end.
    { name: 'pursue refunds', everyMs: 2_000, run: () => pursueDueRefunds(payments) },
    { name: 'pursue remedies', everyMs: 5_000, run: () => pursueDueRemedies(payments) },
    { name: 'prepare documents', everyMs: 2_000, run: () => prepareDocuments(payments) },
    { name: 'look at disputes', everyMs: 60_000, run: () => lookAtOpenDisputes(payments) },
    { name: 'reloads that are due', everyMs: 1_000, run: () => evaluateDueReloads(payments) },
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
    // Nothing waits for it: what is not added up yet is read from the entries.
    { name: 'add up spending', everyMs: 60_000, run: () => addUpSpending(payments.pool) },
    // Well within the minute after which money that is no credit is an alarm.
    { name: 'look for alarms', everyMs: 15_000, run: () => watchAlarms(payments) },
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
    ...ofTheBooks(payments),
  ];
}

/** What people are told of by the clock, and what was lost with a process. */
export const noticeTimers = (notices: NoticesDeps): readonly Timer[] => [
  { name: 'announce notices', everyMs: 5_000, run: () => announceForgotten(notices) },
  { name: 'send notices', everyMs: 5_000, run: () => deliverDue(notices) },
  { name: 'watch credit', everyMs: 5_000, run: () => lookAtForgottenCredit(notices) },
  { name: 'tell steps of limits', everyMs: 5_000, run: () => tellLimitSteps(notices) },
  // Business time, so that they follow the test clock within a turn.
  { name: 'tell what ends', everyMs: 15_000, run: () => tellEndings(notices) },
  { name: 'send daily summaries', everyMs: 15_000, run: () => sendDigests(notices) },
  { name: 'tell short runways', everyMs: 60_000, run: () => tellShortRunways(notices) },
];

function ofTheBooks(payments: PaymentsDeps): readonly Timer[] {
  const { books } = payments;
  if (books === undefined) return [];
  const deps = { ...payments, books };
  return [
    // Looks whether the night has come; the work itself is done once in a night.
    { name: 'reconcile payments', everyMs: 60_000, run: () => reconcileByNight(deps) },
    { name: 'check the webhook endpoint', everyMs: 3_600_000, run: () => checkEndpoint(deps) },
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
