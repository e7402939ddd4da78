import { isObject } from '#kernel/json';
import type { Fees } from './book.ts';

/** How a request used containers, as far as their time is paid for. */
export interface ContainerUse {
  /** Every tool offered in the request. */
  readonly tools: readonly unknown[];
  /** Running time of each execution, in milliseconds. */
  readonly executionsMs: readonly number[];
  /** Files were loaded into a container: paid for although nothing may have been executed. */
  readonly filesPreloaded: boolean;
  /** What the organization has used of the month's free hours before this request, in seconds. */
  readonly freeSecondsUsed: number;
}

export interface ContainerTime {
  /** Whole seconds of all executions, each counted for at least the minimum. */
  readonly seconds: number;
  /** Of them, covered by the month's free hours. The rest is charged. */
  readonly freeSeconds: number;
  readonly chargedSeconds: number;
}

const NONE: ContainerTime = { seconds: 0, freeSeconds: 0, chargedSeconds: 0 };

/** From this version on, searching and fetching run code of their own, and container time is free. */
const FREE_WITH = /^web_(?:search|fetch)_(\d{8})$/;
const FREE_SINCE = '20260209';

/** What code execution is charged for in one request; the price itself is a fee of the book. */
export function containerTime(use: ContainerUse, fees: Fees): ContainerTime {
  if (use.tools.some(makesContainersFree)) return NONE;
  const minimum = fees.codeExecutionMinimumSeconds;
  // Loading files starts a container, which runs for the minimum if nothing else keeps it.
  const runs = use.executionsMs.length === 0 && use.filesPreloaded ? [0] : use.executionsMs;
  let seconds = 0;
  // A second begun is a second: the container ran in it.
  for (const ms of runs) seconds += Math.max(minimum, Math.ceil(ms / 1_000));
  const left = Math.max(0, fees.codeExecutionFreeHours * 3_600 - use.freeSecondsUsed);
  const freeSeconds = Math.min(seconds, Math.floor(left));
  return { seconds, freeSeconds, chargedSeconds: seconds - freeSeconds };
}

function makesContainersFree(tool: unknown): boolean {
  if (!isObject(tool) || typeof tool.type !== 'string') return false;
  const version = FREE_WITH.exec(tool.type)?.[1];
  return version !== undefined && version >= FREE_SINCE;
}
