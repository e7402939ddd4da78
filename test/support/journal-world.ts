import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SettleCommand, SettleOutcome } from '#charging/commands';
import { type Journal, type JournalOptions, openJournal } from '#charging/journal';
import { type AppendFile, type Disk, localDisk } from '#charging/journal-disk';
import { newId, type RequestId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { systemClock, systemEntropy } from '#src/system';
import { newRequest, recordOf } from '#test/ledger-world';

const payer = {
  organizationId: newId('organization', systemEntropy),
  workspaceId: newId('workspace', systemEntropy),
  apiKeyId: newId('apiKey', systemEntropy),
};

export const settlement = (changes: Partial<SettleCommand> = {}): SettleCommand => ({
  organizationId: payer.organizationId,
  requestId: newRequest(),
  resolution: 'settle',
  cost: nanos(1_000_000n),
  record: recordOf(payer),
  ...changes,
});

/** A ledger in memory that books by request id, once, and can be away in every way there is. */
export class AwayLedger {
  /** gone: refuses at once. silent: says nothing. deaf: books, and its answer is lost. */
  state: 'here' | 'gone' | 'silent' | 'deaf' = 'here';
  readonly booked = new Map<RequestId, SettleCommand>();
  readonly never = new Map<RequestId, 'rejected' | 'unknown_hold'>();
  readonly ignored = new Set<RequestId>();
  /** Settlements asked for, each time they were. */
  readonly asked: RequestId[] = [];

  settle = async (command: SettleCommand): Promise<SettleOutcome> => {
    const { requestId } = command;
    this.asked.push(requestId);
    if (this.state === 'gone' || this.ignored.has(requestId)) {
      return { outcome: 'ledger_unavailable' };
    }
    if (this.state === 'silent') return await new Promise<never>(() => {});
    const outcome = this.#book(command);
    if (this.state === 'deaf') return await new Promise<never>(() => {});
    return outcome;
  };

  #book(command: SettleCommand): SettleOutcome {
    const { requestId, cost } = command;
    const available: NanoUsd = nanos(0n);
    const why = this.never.get(requestId);
    if (why !== undefined) return { outcome: why };
    const before = this.booked.get(requestId);
    if (before !== undefined) {
      return { outcome: 'already_resolved', charged: before.cost, available };
    }
    this.booked.set(requestId, command);
    return { outcome: 'settled', charged: cost, available, flags: [] };
  }
}

export interface Faults {
  /** What happened to files, in order. */
  readonly seen: string[];
  /** Called before each step; an exception is a fault of the disk. */
  before: (step: 'create' | 'append' | 'sync' | 'truncate' | 'named') => void | Promise<void>;
  /** Of a write that fails, this many bytes reach the file. */
  partial: number;
}

/** A real folder on a disk that can fail. */
export async function faultyDisk(folder: string): Promise<{ disk: Disk; faults: Faults }> {
  const real = await localDisk(folder);
  const faults: Faults = { seen: [], before: () => {}, partial: 0 };
  const wrap = (file: AppendFile, name: string): AppendFile => ({
    ...file,
    async append(bytes) {
      try {
        await faults.before('append');
      } catch (error) {
        await file.append(bytes.subarray(0, faults.partial));
        throw error;
      }
      await file.append(bytes);
      faults.seen.push(`append ${name}`);
    },
    async sync() {
      await faults.before('sync');
      await file.sync();
      faults.seen.push(`sync ${name}`);
    },
    async truncate(length) {
      await faults.before('truncate');
      await file.truncate(length);
    },
    async named() {
      await faults.before('named');
      return await file.named();
    },
  });
  const disk: Disk = {
    ...real,
    async create(name) {
      await faults.before('create');
      return wrap(await real.create(name), name);
    },
  };
  return { disk, faults };
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export interface JournalWorld {
  readonly folder: string;
  readonly disk: Disk;
  readonly faults: Faults;
  readonly ledger: AwayLedger;
  readonly lines: LogLine[];
  /** A process of its own on the folder; earlier ones count as dead unless told otherwise. */
  open(changes?: Partial<JournalOptions>): Promise<Journal>;
  close(): Promise<void>;
}

export async function journalWorld(): Promise<JournalWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'bursar-journal-'));
  const { disk, faults } = await faultyDisk(folder);
  const ledger = new AwayLedger();
  const lines: LogLine[] = [];
  const opened: Journal[] = [];
  let pid = 0;
  const log = (level: LogLine['level']) => (fields: Record<string, unknown>, message: string) =>
    void lines.push({ level, fields, message });
  return {
    ...{ folder, disk, faults, ledger, lines },
    async open(changes = {}) {
      pid += 1;
      const journal = await openJournal({
        disk,
        settle: ledger.settle,
        clock: systemClock,
        entropy: systemEntropy,
        owner: { pid, began: '7' },
        lives: () => false,
        log: { info: log('info'), warn: log('warn'), error: log('error') },
        answerWithinMs: 30,
        replayAfterMs: 20,
        ...changes,
      });
      opened.push(journal);
      return journal;
    },
    async close() {
      await Promise.all(opened.map((journal) => journal.close(100)));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
