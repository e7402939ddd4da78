import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Fault } from '#kernel/assert';
import { StartRefused } from '#src/start/refusal';

export interface Simulator {
  readonly url: string;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_MS = 30_000;
const STOP_MS = 3_000;

export interface SimulatorStart {
  readonly name: 'stripe-sim' | 'model-sim';
  readonly environment: Readonly<Record<string, string>>;
  /** Told when it ends without having been stopped. */
  readonly onLost: (name: string) => void;
}

/**
 * Runs a simulator as a process of its own: the product knows it only as a server somewhere.
 * Ready once it printed a line with its URL.
 */
export async function startSimulator(start: SimulatorStart): Promise<Simulator> {
  const script = join(ROOT, 'sims', start.name, 'main.ts');
  if (!existsSync(script)) throw new StartRefused(`The simulator ${start.name} is not installed.`);
  const guard = fileURLToPath(new URL('./end-with-parent.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', guard, script], {
    env: { ...inherited(), ...start.environment },
    stdio: ['pipe', 'pipe', 'inherit'],
    // Its own session: on Ctrl-C it must serve until requests that run are finished.
    detached: true,
  });
  let stopping = false;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    stopping = true;
    child.stdin.end();
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(late);
  };
  try {
    const url = await readyUrl(child, start.name);
    child.once('exit', () => {
      if (!stopping) start.onLost(start.name);
    });
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** No secret of the product's own environment reaches a simulator. */
function inherited(): Record<string, string> {
  const { PATH, HOME, NODE_ENV, LOG_LEVEL, TZ } = process.env;
  const kept = { PATH, HOME, NODE_ENV, LOG_LEVEL, TZ };
  return Object.fromEntries(
    Object.entries(kept).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function readyUrl(child: ChildProcess, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Fault(`${name} is not ready in time`)), READY_MS);
    const end = (outcome: () => void): void => {
      clearTimeout(late);
      outcome();
    };
    child.once('error', (error) => end(() => reject(error)));
    child.once('exit', (code) => {
      end(() => reject(new Fault(`${name} ended with ${code} before it was ready`)));
    });
    if (child.stdout === null) return end(() => reject(new Fault(`${name} has no output`)));
    // Read on after the first line: a full pipe would stop the simulator.
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = urlIn(line);
      if (url !== undefined) end(() => resolve(url));
    });
  });
}

/** The URL in a line such as {"url":"http://127.0.0.1:4002"}. */
const urlIn = (line: string): string | undefined => /https?:\/\/[^\s"]+/.exec(line)?.[0];
