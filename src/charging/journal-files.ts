import type { AppendFile, Disk } from '#charging/journal-disk';
import { endBytes, type KeptSettlement, settlementBytes } from '#charging/journal-line';
import type { RequestId } from '#kernel/ids';

/** written: on the disk, whatever happens to this process. Else nothing of it may be relied on. */
export type Written = 'written' | 'full' | 'failed';

/** A file that settlements are found in until they have ended. */
interface Segment {
  readonly name: string;
  readonly open: Set<RequestId>;
  /** Undefined for one that is no longer written to. */
  file: AppendFile | undefined;
  /** Up to here it was synced. */
  bytes: number;
}

interface Waiting {
  readonly kept: KeptSettlement;
  readonly bytes: Buffer;
  readonly resolve: (written: Written) => void;
}

export interface JournalFilesOptions {
  readonly disk: Disk;
  /** A name nobody else uses. */
  readonly newName: () => string;
  /** Room for all files of this process together. */
  readonly bytesMax: number;
  readonly onFailure: (error: unknown, what: string) => void;
}

/** A file that reaches this part of the room is followed by another, so that it can be removed. */
const SEGMENTS = 8;
// A file is taken away by another process once in its life; several times in a row is a fault.
const WRITES_MAX = 3;

/**
 * The files one process writes its settlements to. Group commit: what is asked for while a write is
 * under way goes together in the next one, with one sync. Marks of what has ended go along and are
 * not synced: a lost mark costs a second booking, which the ledger answers with the first.
 *
 * A file may be taken by another process that believes this one dead. Taking it is renaming it, so
 * after each sync the name is looked at: if it is gone, the taker may have read too early, and the
 * lines are written again to a new file before anybody is told that they are safe.
 */
export class JournalFiles {
  readonly #options: JournalFilesOptions;
  readonly #segments = new Map<string, Segment>();
  #current: Segment | undefined;
  #waiting: Waiting[] = [];
  #marks: Buffer[] = [];
  #running: Promise<void> | undefined;

  constructor(options: JournalFilesOptions) {
    this.#options = options;
  }

  /** Resolves when it is safe, or when it is certain that it is not. */
  write(kept: KeptSettlement): Promise<Written> {
    const bytes = settlementBytes(kept);
    return new Promise((resolve) => {
      this.#waiting.push({ kept, bytes, resolve });
      this.#running ??= this.#drain();
    });
  }

  /** Nothing is left to do for it, so the files need not keep it. */
  end(requestId: RequestId): void {
    for (const segment of this.#segments.values()) {
      if (!segment.open.delete(requestId)) continue;
      if (segment === this.#current) this.#marks.push(endBytes(requestId));
      this.#running ??= this.#drain();
    }
  }

  /** A file of another process, renamed to a name of ours, is kept until all of it has ended. */
  adopt(name: string, open: Iterable<RequestId>): void {
    this.#segments.set(name, { name, open: new Set(open), file: undefined, bytes: 0 });
    this.#running ??= this.#drain();
  }

  has(name: string): boolean {
    return this.#segments.has(name);
  }

  /** Waits for what is under way and lets go of the file; it stays if anything in it is open. */
  async close(): Promise<void> {
    this.#running ??= this.#drain();
    while (this.#running !== undefined) await this.#running;
    if (this.#current !== undefined) await this.#retire(this.#current);
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets settlements that are asked for together share a sync.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const written = await this.#write(batch);
      for (const { resolve } of batch) resolve(written);
    }
    await this.#mark();
    await this.#tidy();
    this.#running = this.#waiting.length > 0 ? this.#drain() : undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<Written> {
    const lines = Buffer.concat(batch.map(({ bytes }) => bytes));
    const used = [...this.#segments.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (used + lines.length > this.#options.bytesMax) return 'full';
    for (let attempt = 0; attempt < WRITES_MAX; attempt++) {
      let segment: Segment | undefined;
      try {
        segment = await this.#writable();
        if (await this.#appended(segment, lines)) {
          for (const { kept } of batch) segment.open.add(kept.requestId);
          return 'written';
        }
      } catch (error) {
        this.#options.onFailure(error, 'write');
        if (segment !== undefined) await this.#withdraw(segment);
        return 'failed';
      }
    }
    this.#options.onFailure(new Error('the file is taken away again and again'), 'write');
    return 'failed';
  }

  /** False if the file has been taken by another process. */
  async #appended(segment: Segment, lines: Buffer): Promise<boolean> {
    const { file } = segment;
    if (file === undefined) return false;
    await file.append(lines);
    await file.sync();
    if (await file.named()) {
      segment.bytes += lines.length;
      return true;
    }
    this.#segments.delete(segment.name);
    if (this.#current === segment) this.#current = undefined;
    await file.close();
    return false;
  }

  async #writable(): Promise<Segment> {
    const { disk, newName, bytesMax } = this.#options;
    if (this.#current !== undefined && this.#current.bytes >= bytesMax / SEGMENTS) {
      await this.#retire(this.#current);
    }
    if (this.#current !== undefined) return this.#current;
    const name = newName();
    const segment: Segment = { name, open: new Set(), file: undefined, bytes: 0 };
    // Known before it exists: whoever looks for files without an owner must not find this one.
    this.#segments.set(name, segment);
    try {
      segment.file = await disk.create(name);
    } catch (error) {
      this.#segments.delete(name);
      throw error;
    }
    this.#current = segment;
    return segment;
  }

  /**
   * Takes back what may have reached the disk of a failed write: its answers are withheld, so they
   * must not be charged by whoever finds the file. After a failed sync it is not written to again:
   * the system may have dropped the pages and would call the next sync a success.
   */
  async #withdraw(segment: Segment): Promise<void> {
    try {
      await segment.file?.truncate(segment.bytes);
    } catch (error) {
      this.#options.onFailure(error, 'withdraw');
    }
    await this.#retire(segment);
  }

  async #mark(): Promise<void> {
    const marks = Buffer.concat(this.#marks);
    this.#marks = [];
    const segment = this.#current;
    if (marks.length === 0 || segment?.file === undefined || segment.open.size === 0) return;
    try {
      await segment.file.append(marks);
      segment.bytes += marks.length;
    } catch (error) {
      this.#options.onFailure(error, 'mark');
      await this.#withdraw(segment);
    }
  }

  async #retire(segment: Segment): Promise<void> {
    const { file } = segment;
    segment.file = undefined;
    if (this.#current === segment) {
      this.#current = undefined;
      this.#marks = [];
    }
    await file?.close().catch((error) => this.#options.onFailure(error, 'close'));
    await this.#tidy();
  }

  /** Removes the files of which nothing is open. */
  async #tidy(): Promise<void> {
    for (const segment of [...this.#segments.values()]) {
      // A line that waits will go to a new file; nobody writes to this one meanwhile.
      if (segment.open.size > 0) continue;
      if (segment === this.#current) await this.#forget(segment);
      this.#segments.delete(segment.name);
      await this.#options.disk
        .remove(segment.name)
        .catch((error) => this.#options.onFailure(error, 'remove'));
    }
  }

  async #forget(segment: Segment): Promise<void> {
    const { file } = segment;
    segment.file = undefined;
    this.#current = undefined;
    this.#marks = [];
    await file?.close().catch((error) => this.#options.onFailure(error, 'close'));
  }
}
