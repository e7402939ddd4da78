import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Charging } from '#charging/charging';
import { type Journal, openJournal } from '#charging/journal';
import { countJournal, type JournalCount } from '#charging/journal-aside';
import { type Disk, localDisk } from '#charging/journal-disk';
import { startOf } from '#db/embedded/alive';
import type { Parts } from '#src/start/edges';
import { StartRefused } from '#src/start/refusal';

export const journalFolder = (dataDir: string): string => join(dataDir, 'journal');

/** Processes on one data directory share its folder; each writes files of its own. */
export async function openSettlementJournal(parts: Parts, charging: Charging): Promise<Journal> {
  const { config, clock, entropy, log } = parts;
  return await openJournal({
    ...{ clock, entropy, log },
    disk: await folderOf(config.dataDir),
    settle: (command) => charging.settle(command),
    owner: { pid: process.pid, began: startOf(process.pid) ?? '0' },
    lives: ({ pid, began }) => startOf(pid) === began,
  });
}

async function folderOf(dataDir: string): Promise<Disk> {
  const folder = journalFolder(dataDir);
  try {
    return await localDisk(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartRefused(`The journal of settlements cannot be kept in ${folder}: ${reason}`);
  }
}

/** Undefined where no gateway has ever run on this data directory. */
export async function journalOn(dataDir: string): Promise<JournalCount | undefined> {
  const folder = journalFolder(dataDir);
  return existsSync(folder) ? await countJournal(await localDisk(folder)) : undefined;
}
