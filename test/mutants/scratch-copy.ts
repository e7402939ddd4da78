import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stopAbandoned } from '../chaos/postgres.ts';
import { runs } from '../e2e/processes.ts';
import { type PlantedBug, patched } from './planted-bug.ts';

const NAME = /^bursar-mutants-(\d+)-/;
// PostgreSQL's account, where that is not ours, passes through to its files.
const PASSABLE = 0o711;

/** A copy of the checkout in which a bug may stand. Whatever runs in it keeps its files there too. */
export interface ScratchCopy {
  readonly root: string;
  readonly temporary: string;
  /** Plants a bug; the answer takes it out again. Undefined if the patch no longer applies. */
  plant(bug: PlantedBug): (() => void) | undefined;
  /** Stops the servers that a killed run has left, and empties the folder they were in. */
  tidy(): Promise<void>;
  remove(): Promise<void>;
}

export function copyCheckout(checkout: string): ScratchCopy {
  const folder = mkdtempSync(join(tmpdir(), `bursar-mutants-${process.pid}-`));
  chmodSync(folder, PASSABLE);
  const root = join(folder, 'copy');
  const temporary = join(folder, 't');
  mkdirSync(temporary, { mode: PASSABLE });
  for (const path of filesOf(checkout)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(join(checkout, path), join(root, path));
  }
  linkPackages(join(checkout, 'node_modules'), join(root, 'node_modules'));
  return {
    root,
    temporary,
    plant(bug) {
      const path = join(root, bug.file);
      const before = readFileSync(path, 'utf8');
      const after = patched(before, bug);
      if (after.outcome !== 'patched') return undefined;
      writeFileSync(path, after.text);
      return () => writeFileSync(path, before);
    },
    tidy: () => emptied(temporary),
    async remove() {
      await emptied(temporary);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What is tracked and what is new, without what is ignored or gone. */
function filesOf(checkout: string): string[] {
  const command = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  return execFileSync('git', command, { cwd: checkout, encoding: 'utf8' })
    .split('\0')
    .filter(
      (path) => lstatSync(join(checkout, path), { throwIfNoEntry: false })?.isFile() === true,
    );
}

/** A folder of links and not one link: what tools keep inside it stays in the copy. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    if (name.startsWith('.') && name !== '.bin') continue;
    symlinkSync(join(from, name), join(to, name));
  }
}

async function emptied(temporary: string): Promise<void> {
  for (const name of readdirSync(temporary)) {
    const path = join(temporary, name);
    await stopAbandoned(path);
    rmSync(path, { recursive: true, force: true });
  }
}

/** Removes what a run left that was itself killed. */
export async function sweepAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = NAME.exec(name)?.[1];
    if (owner === undefined || runs(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    if (existsSync(join(folder, 't'))) await emptied(join(folder, 't'));
    rmSync(folder, { recursive: true, force: true });
  }
}
