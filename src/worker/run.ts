import { Logger, run } from 'graphile-worker';
import type { NoticesDeps } from '#notices/deps';
import type { PaymentsDeps, PaymentsLog } from '#payments/deps';
import { unresolvedPayments } from '#payments/quarantine';
import { nightly } from '#worker/nightly';
import { noticeTasks, tasks } from '#worker/tasks';
import { noticeTimers, startTimer, timers } from '#worker/timers';

/** Jobs are short calls to the processor and the database; more would only queue at either. */
const CONCURRENCY = 4;
/** The queue wakes a worker at once; this is for wake-ups that were lost. */
const POLL_MS = 1_000;
/** Quarantined payments named in the log at a start; `bursar doctor` names them all. */
const NAMED_AT_START = 20;

export interface WorkerDeps extends PaymentsDeps {
  /** The application role's; the queue keeps its own connections. */
  readonly databaseUrl: string;
  /** Without them nobody is told anything. */
  readonly notices?: NoticesDeps;
}

export interface RunningWorker {
  /** Ends after the jobs and timers under way. */
  close(): Promise<void>;
}

/** Starts working jobs and timers. The queue's schema must exist already (see `#db/migrate`). */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { notices } = deps;
  await recallQuarantined(deps);
  const runner = await run({
    connectionString: deps.databaseUrl,
    schema: 'graphile_worker',
    taskList: { ...tasks(deps), ...(notices === undefined ? {} : noticeTasks(notices)) },
    concurrency: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 2,
    pollInterval: POLL_MS,
    noHandleSignals: true,
    logger: queueLogger(deps.log),
  });
  const told = notices === undefined ? [] : noticeTimers(notices);
  const all = [...timers(deps), ...told, nightly(deps)];
  const running = all.map((timer) => startTimer(timer, deps.log));
  return {
    async close() {
      await Promise.all(running.map((timer) => timer.stop()));
      await runner.stop();
    },
  };
}

/** Each rang once when it was found; a restart must not be where it is forgotten. */
async function recallQuarantined(deps: WorkerDeps): Promise<void> {
  const payments = await unresolvedPayments(deps.pool);
  if (payments.length === 0) return;
  deps.log?.error(
    { count: payments.length, payments: payments.slice(0, NAMED_AT_START) },
    'quarantined payments wait for an operator',
  );
}

/** The queue logs every job it runs; only what is wrong belongs in our log. */
function queueLogger(log: PaymentsLog | undefined): Logger {
  return new Logger((scope) => (level, message) => {
    const fields = { task: scope.taskIdentifier, job: scope.jobId };
    if (level === 'error') log?.error(fields, message);
    else if (level === 'warning') log?.warn(fields, message);
  });
}
