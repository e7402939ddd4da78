import { spawn } from 'node:child_process';
import { familyOf, runs } from '../e2e/processes.ts';

export interface Ended {
  /** Null if it was stopped because its time was over. */
  readonly code: number | null;
  readonly output: string;
  readonly seconds: number;
}

const OUTPUT_MAX = 400_000;
/** Enough for a run that is asked to end to stop its PostgreSQL. */
const GRACE_MS = 10_000;

const underWay = new Set<number>();
let ending = false;

/** Runs Node on a script until it ends or its time is over; then it and its children are ended. */
export async function runBounded(
  args: readonly string[],
  where: { readonly cwd: string; readonly temporary: string },
  limitMs: number,
): Promise<Ended> {
  if (ending) return { code: null, output: '', seconds: 0 };
  const began = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: where.cwd,
    env: { ...process.env, TMPDIR: where.temporary, NO_COLOR: '1', CI: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid !== undefined) underWay.add(pid);
  let output = '';
  const keep = (part: Buffer): void => {
    output = (output + part.toString('utf8')).slice(-OUTPUT_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    if (pid !== undefined) void endFamily(pid);
  }, limitMs);
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', (status) => resolve(status));
  });
  clearTimeout(limit);
  if (pid !== undefined) underWay.delete(pid);
  return { code: late ? null : code, output, seconds: (performance.now() - began) / 1_000 };
}

/** Ends everything this process has started and that still runs; nothing more is started. */
export const endAll = async (): Promise<void> => {
  ending = true;
  await Promise.all([...underWay].map(endFamily));
};

async function endFamily(pid: number): Promise<void> {
  const family = familyOf(pid);
  signal(pid, 'SIGTERM');
  const until = performance.now() + GRACE_MS;
  while (runs(pid) && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const member of family) if (runs(member)) signal(member, 'SIGKILL');
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself in the meantime.
  }
}
