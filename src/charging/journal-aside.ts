import type { Disk } from '#charging/journal-disk';
import { readJournal, readSetAside } from '#charging/journal-line';
import type { RequestId } from '#kernel/ids';

/** Files of settlements. The rest of the name says whose it is. */
export const JOURNAL_NAME = /^(\d+)-(\w+)-[0-9a-f]+\.journal$/;
const SET_ASIDE_NAME = /\.rejected$/;

export interface AsideOptions {
  readonly disk: Disk;
  readonly newName: () => string;
  readonly onAside: (key: string, why: string) => void;
  readonly onFailure: (key: string, error: unknown) => void;
}

export interface Aside {
  /** Resolves to true once it is safe. `onAside` is told once, however often it is found. */
  put(key: string, bytes: Buffer, why: string): Promise<boolean>;
}

/**
 * What the ledger can never take. One file each, so that a crash can tear none but the one being
 * written; only a person removes them.
 */
export async function openAside(options: AsideOptions): Promise<Aside> {
  const { disk } = options;
  const known = await knownAside(disk);
  let putting: Promise<boolean> = Promise.resolve(true);

  async function write(bytes: Buffer): Promise<void> {
    const name = `${options.newName()}.rejected`;
    try {
      const file = await disk.create(name);
      try {
        await file.append(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await disk.remove(name).catch(() => {});
      throw error;
    }
  }

  return {
    put(key, bytes, why) {
      putting = putting.then(async () => {
        if (known.has(key)) return true;
        try {
          await write(bytes);
        } catch (error) {
          options.onFailure(key, error);
          return false;
        }
        known.add(key);
        options.onAside(key, why);
        return true;
      });
      return putting;
    },
  };
}

async function knownAside(disk: Disk): Promise<Set<string>> {
  const known = new Set<string>();
  for (const name of await disk.list()) {
    if (!SET_ASIDE_NAME.test(name)) continue;
    for (const key of readSetAside(await disk.read(name))) known.add(key);
  }
  return known;
}

export interface JournalCount {
  /** Journaled and not known to be booked; of a running process some may be by now. */
  readonly waiting: number;
  /** Set aside for a person: delivered, and the ledger can never book it as it is. */
  readonly rejected: number;
}

/** What a journal holds, read from outside. Files may come and go meanwhile. */
export async function countJournal(disk: Disk): Promise<JournalCount> {
  const open = new Set<RequestId>();
  for (const name of await disk.list()) {
    if (!JOURNAL_NAME.test(name)) continue;
    const bytes = await disk.read(name).catch(() => Buffer.alloc(0));
    for (const requestId of readJournal(bytes).open.keys()) open.add(requestId);
  }
  return { waiting: open.size, rejected: (await knownAside(disk)).size };
}
