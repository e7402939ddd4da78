import type { AppendFile, Disk } from '#charging/journal-disk';
import type { Chance } from './chance.ts';
import type { Schedule } from './schedule.ts';

interface MemoryFile {
  readonly writer: string;
  bytes: Buffer;
  /** So much of it outlives a power cut. */
  synced: number;
}

/** Whose writes these are, and how often it is given a turn. */
interface Writer {
  readonly name: string;
  readonly pace: number;
}

/**
 * The folder of the journals, in memory. A write is two events and a sync is a third, so that the
 * process may die, or another take its file away, between any two of them.
 */
export class MemoryDisk {
  /** How often a sync fails; 0 once everything heals. */
  failureRate: number;
  readonly #files = new Map<string, MemoryFile>();
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #failed: () => void;

  constructor(schedule: Schedule, chance: Chance, failureRate: number, failed: () => void) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.failureRate = failureRate;
    this.#failed = failed;
  }

  get names(): string[] {
    return [...this.#files.keys()];
  }

  /** What one process has of it. */
  of(writer: Writer): Disk {
    return {
      list: async () => this.names,
      read: async (name) => this.#file(name).bytes,
      create: async (name) => {
        const file = { writer: writer.name, bytes: Buffer.alloc(0), synced: 0 };
        this.#files.set(name, file);
        return this.#open(writer, name, file);
      },
      take: async (name, newName) => {
        const file = this.#files.get(name);
        if (file === undefined) return false;
        this.#files.delete(name);
        this.#files.set(newName, file);
        return true;
      },
      remove: async (name) => void this.#files.delete(name),
    };
  }

  /** The machine of a process lost its power: what it had not synced is gone, or a part of it is. */
  powerCut(writer: string): void {
    for (const file of this.#files.values()) {
      if (file.writer !== writer) continue;
      const left = this.#chance.whole(file.synced, file.bytes.length);
      file.bytes = file.bytes.subarray(0, left);
    }
  }

  #file(name: string): MemoryFile {
    const file = this.#files.get(name);
    if (file === undefined) throw new Error(`no file ${name}`);
    return file;
  }

  #open(writer: Writer, name: string, file: MemoryFile): AppendFile {
    const turn = (what: string): Promise<void> =>
      this.#schedule.turn(writer.name, `${what} its journal`, writer.pace);
    return {
      append: async (bytes) => {
        const part = this.#chance.whole(0, bytes.length);
        file.bytes = Buffer.concat([file.bytes, bytes.subarray(0, part)]);
        await turn('writes');
        file.bytes = Buffer.concat([file.bytes, bytes.subarray(part)]);
      },
      sync: async () => {
        await turn('syncs');
        if (this.#chance.happens(this.failureRate)) {
          this.#failed();
          throw Object.assign(new Error('simulated EIO'), { code: 'EIO' });
        }
        file.synced = file.bytes.length;
      },
      truncate: async (length) => {
        file.bytes = file.bytes.subarray(0, length);
        file.synced = Math.min(file.synced, length);
      },
      named: async () => this.#files.get(name) === file,
      close: async () => {},
    };
  }
}
