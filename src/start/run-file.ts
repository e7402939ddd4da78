import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { startOf } from '#db/embedded/alive';
import { type Config, runFileOf } from '#src/config';

const shape = z.object({
  pid: z.int().positive(),
  role: z.string(),
  console: z.string().optional(),
  gateway: z.string().optional(),
  stripe_sim: z.string().optional(),
  model_sim: z.string().optional(),
  ops: z.string().optional(),
  database_url: z.string(),
});

/** What runs where, for people and scripts on this machine. It holds a password: mode 0600. */
export type RunFile = z.infer<typeof shape>;

/** The running system of a configuration; undefined if there is none, or it is gone. */
export function readRunFile(path: string): RunFile | undefined {
  try {
    const read = shape.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return read.success && startOf(read.data.pid) !== undefined ? read.data : undefined;
  } catch {
    return undefined;
  }
}

/** A process that joins must not hide the run file of the system it joins. */
export function runFilePath(config: Config): string {
  const path = runFileOf(config);
  if (config.runFile !== undefined || config.role === 'all') return path;
  if (readRunFile(path) === undefined) return path;
  return join(dirname(path), `run-${config.role}-${process.pid}.json`);
}

/** Written aside and renamed: whoever waits for it never reads half of it. */
export function writeRunFile(path: string, content: RunFile): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/** Removes this process's own; the file of another that started meanwhile stays. */
export function removeRunFile(path: string): void {
  if (readRunFile(path)?.pid === process.pid) rmSync(path, { force: true });
}

/** What a killed process left: whoever waits for a new one must not take it for that. */
export function removeStaleRunFile(path: string): void {
  if (readRunFile(path) === undefined) rmSync(path, { force: true });
}
