import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runs } from '../e2e/processes.ts';
import { stopAbandoned } from './postgres.ts';

const NAME = /^bursar-chaos-(\d+)-/;

/** A folder for one run, named for this process so that a later one knows who made it. */
export function makeFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), `bursar-chaos-${process.pid}-`));
  // PostgreSQL's account, where that is not ours, passes through to its files.
  chmodSync(dir, 0o711);
  return dir;
}

export const removeFolder = (dir: string): void => rmSync(dir, { recursive: true, force: true });

/** Stops and removes what a run left that was itself killed. Its nodes have ended with it. */
export async function sweepAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = NAME.exec(name)?.[1];
    if (owner === undefined || runs(Number(owner))) continue;
    const dir = join(tmpdir(), name);
    await stopAbandoned(join(dir, 'data'));
    removeFolder(dir);
  }
}
