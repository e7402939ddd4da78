import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Order, orderLine, type Report, readReport } from './reports.ts';

/** A node as the driver holds it: a process, and everything that process says. */
export interface Node {
  readonly name: string;
  readonly pid: number;
  order(order: Order): void;
  /** When the next report passes the test; rejects if the process ends before. */
  next(test: (report: Report) => boolean, ms: number): Promise<void>;
  ended(): boolean;
  /** kill -9. Returns when it is gone and its last words have been read. */
  kill(): Promise<void>;
}

export interface NodeOptions {
  readonly name: string;
  readonly url: string;
  readonly plant: string | undefined;
  readonly journalDir: string;
  readonly hear: (report: Report) => void;
}

interface Wait {
  readonly test: (report: Report) => boolean;
  readonly met: () => void;
  readonly failed: (error: Error) => void;
}

const PROGRAM = fileURLToPath(new URL('node.ts', import.meta.url));
const START_MS = 60_000;

/** Starts a node and waits until it takes orders. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: options.url,
      CHAOS_JOURNAL: options.journalDir,
      ...(options.plant === undefined ? {} : { CHAOS_PLANT: options.plant }),
    },
  });
  const node = nodeOn(child, options);
  await node.next(({ t }) => t === 'ready', START_MS);
  return node;
}

function nodeOn(child: ChildProcess, { name, hear }: NodeOptions): Node {
  const { stdin, stdout, pid } = child;
  if (stdin === null || stdout === null || pid === undefined) throw new Error('no node started');
  let waits: Wait[] = [];
  let over = false;
  const gone = new Promise<void>((resolve) => {
    // `close` comes after the last byte of its stdout: no word of a killed node is missed.
    child.once('close', () => {
      over = true;
      for (const { failed } of waits) failed(new Error(`${name} has ended`));
      resolve();
    });
  });
  // A node that was killed cannot read what we still write.
  stdin.on('error', () => {});
  createInterface({ input: stdout }).on('line', (line) => {
    const report = readReport(line);
    hear(report);
    const met = waits.filter(({ test }) => test(report));
    waits = waits.filter((wait) => !met.includes(wait));
    for (const wait of met) wait.met();
  });
  return {
    name,
    pid,
    order: (order) => void stdin.write(orderLine(order)),
    next(test, ms) {
      if (over) return Promise.reject(new Error(`${name} has ended`));
      return new Promise((resolve, reject) => {
        const late = () => reject(new Error(`${name}: nothing of that kind within ${ms} ms`));
        const timer = setTimeout(late, ms);
        const done = (settle: () => void) => () => {
          clearTimeout(timer);
          settle();
        };
        const failed = (error: Error) => done(() => reject(error))();
        waits.push({ test, met: done(resolve), failed });
      });
    },
    ended: () => over,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
