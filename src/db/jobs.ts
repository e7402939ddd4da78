import type { Db } from '#db/pool';
import * as sql from '#db/sql';

export interface JobOptions {
  /** Jobs with an equal key replace each other while they wait: at most one is queued. */
  readonly jobKey?: string;
  /** Real time, not the test clock's. Default: at once. */
  readonly runAt?: Date;
}

/**
 * Queues a job in the caller's transaction: it exists exactly if the rows it is about do.
 * It may run more than once, so what it does must be harmless when repeated.
 */
export async function enqueue(
  tx: Db,
  task: string,
  payload: Readonly<Record<string, unknown>>,
  options: JobOptions = {},
): Promise<void> {
  await tx.query(
    sql.addJob({
      task,
      payload: JSON.stringify(payload),
      jobKey: options.jobKey ?? null,
      runAt: options.runAt ?? null,
    }),
  );
}
