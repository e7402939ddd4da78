import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { bodyOf, optionsOf } from './gateway-calls.ts';
import type { Target } from './gateway-targets.ts';

const OPEN_MS = 60_000;
const SAMPLES = 10;
const SAMPLE_MS = 300;

/** Resident memory of a process in MB. */
function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

/** What a process grows by, in MB, while so many streams are open: the highest of several looks. */
export async function memoryOfStreams(target: Target, count: number): Promise<number> {
  const idle = residentMb(target.pid);
  const pool = new Pool(target.url, { connections: count });
  const body = bodyOf({
    name: 'open',
    label: 'paced',
    stream: true,
    // Open for longer than it takes to open all of them and look.
    asked: 'events=1000 pace=500',
  });
  const controllers: Dispatcher.DispatchController[] = [];
  const failures: string[] = [];
  let open = 0;
  for (let index = 0; index < count; index += 1) {
    let begun = false;
    pool.dispatch(optionsOf(target, body), {
      onRequestStart: (controller) => void controllers.push(controller),
      onResponseStart(_controller, status) {
        if (status !== 200) failures.push(`${target.name} answered ${status}`);
      },
      onResponseData() {
        if (!begun) open += 1;
        begun = true;
      },
      onResponseEnd() {},
      onResponseError: (_controller, error) => void failures.push(error.message),
    });
  }
  const deadline = performance.now() + OPEN_MS;
  while (open < count && failures.length === 0) {
    if (performance.now() > deadline) throw new Error(`${target.name}: ${open} streams are open`);
    await pause(50);
  }
  const [failure] = failures;
  if (failure !== undefined) throw new Error(failure);
  let highest = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await pause(SAMPLE_MS);
    highest = Math.max(highest, residentMb(target.pid));
  }
  for (const controller of controllers) controller.abort(new Error('seen enough'));
  await pool.destroy();
  return highest - idle;
}
