import type { Usage } from '#kernel/usage';
import { isCount } from './wire.ts';

/** Time that costs money and that no answer reports: whoever ran the work measured it. */
export interface MeasuredTime {
  /**
   * Container time that is charged, in whole seconds: pricing's `containerTime` has applied the
   * minimum, the free hours and what a web tool includes.
   */
  readonly codeExecutionSeconds: number;
  /** How long a managed session was in the state `running`, in whole ms. */
  readonly sessionMilliseconds: number;
}

export type TimedUsage =
  | { readonly outcome: 'timed'; readonly usage: Usage }
  | { readonly outcome: 'implausible'; readonly reason: string };

/** A month: nothing runs longer within one request, however many containers it has. */
const SECONDS_MAX = 31 * 24 * 3_600;

/** Adds measured time to what an answer reported, if the time can be believed (S12). */
export function withTime(usage: Usage, measured: MeasuredTime): TimedUsage {
  const { codeExecutionSeconds, sessionMilliseconds } = measured;
  if (!isCount(codeExecutionSeconds) || codeExecutionSeconds > SECONDS_MAX) {
    return { outcome: 'implausible', reason: 'the container time is not plausible' };
  }
  if (!isCount(sessionMilliseconds) || sessionMilliseconds > SECONDS_MAX * 1_000) {
    return { outcome: 'implausible', reason: 'the session time is not plausible' };
  }
  return { outcome: 'timed', usage: { ...usage, codeExecutionSeconds, sessionMilliseconds } };
}
