import { JournalFiles, type Written } from '#charging/journal-files';
import { type KeptSettlement, readJournal } from '#charging/journal-line';
import type { RequestId } from '#kernel/ids';
import type { MemoryDisk } from './disk.ts';
import { Violation } from './witness.ts';

const BYTES_MAX = 16_000;

/**
 * What one process keeps on the disk: the product's own files and lines. When to write, to take over
 * and to try again is the seed's choice and not that of timers.
 */
export class Kept {
  readonly waiting = new Map<RequestId, KeptSettlement>();
  readonly #owner: string;
  readonly #disk: ReturnType<MemoryDisk['of']>;
  readonly #files: JournalFiles;
  #made = 0;

  constructor(disk: MemoryDisk, owner: { readonly name: string; readonly pace: number }) {
    this.#owner = owner.name;
    this.#disk = disk.of(owner);
    this.#files = new JournalFiles({
      disk: this.#disk,
      newName: () => this.#newName(),
      bytesMax: BYTES_MAX,
      onFailure: () => {},
    });
  }

  #newName(): string {
    this.#made += 1;
    return `${this.#owner}-${this.#made}.journal`;
  }

  async write(kept: KeptSettlement): Promise<Written> {
    const written = await this.#files.write(kept);
    if (written === 'written') this.waiting.set(kept.requestId, kept);
    return written;
  }

  end(id: RequestId): void {
    this.waiting.delete(id);
    this.#files.end(id);
  }

  /** Takes the files of processes that are gone; who is mistaken takes those of living ones too. */
  async takeOver(gone: (owner: string) => boolean): Promise<number> {
    let taken = 0;
    for (const name of await this.#disk.list()) {
      const [owner = ''] = name.split('-');
      if (owner === this.#owner || !gone(owner)) continue;
      const ours = this.#newName();
      if (!(await this.#disk.take(name, ours))) continue;
      const { open, damaged } = readJournal(await this.#disk.read(ours));
      if (damaged.length > 0) throw new Violation(`${name} has lines that cannot be read`);
      this.#files.adopt(ours, open.keys());
      for (const kept of open.values()) this.waiting.set(kept.requestId, kept);
      taken += 1;
    }
    return taken;
  }

  close(): Promise<void> {
    return this.#files.close();
  }
}
