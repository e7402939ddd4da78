import type { SettleCommand, SettleOutcome } from '#charging/commands';
import { type Aside, JOURNAL_NAME, openAside } from '#charging/journal-aside';
import type { Disk } from '#charging/journal-disk';
import { JournalFiles } from '#charging/journal-files';
import {
  damagedBytes,
  damagedKey,
  type KeptSettlement,
  readJournal,
  rejectedBytes,
} from '#charging/journal-line';
import { type Replay, replay } from '#charging/journal-replay';
import { type Silence, silenceOf } from '#charging/journal-silence';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';

/** journaled: not booked yet, but safe on the disk, and booked once as soon as that can be done. */
export type JournalOutcome = SettleOutcome | { readonly outcome: 'journaled' };

/** Ids and counts only. */
export interface JournalLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** A process by its id and when it began, because ids are used again. */
export interface JournalOwner {
  readonly pid: number;
  readonly began: string;
}

export interface JournalOptions {
  readonly disk: Disk;
  /** The ledger's own settlement: idempotent by request id, and answers in bounded time. */
  readonly settle: (command: SettleCommand) => Promise<SettleOutcome>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly owner: JournalOwner;
  /** A hint that saves work: taking the file of a living process harms nobody (journal-files.ts). */
  readonly lives: (owner: JournalOwner) => boolean;
  readonly log: JournalLog;
  /** How long the store may be silent before a settlement is written down, in ms. */
  readonly answerWithinMs?: number;
  /** Room for this process's files, in bytes. */
  readonly bytesMax?: number;
  /** How often files of processes that died are looked for, in ms. */
  readonly lookAgainMs?: number;
  /** How soon what is journaled is tried again, in ms. */
  readonly replayAfterMs?: number;
}

export interface Journal {
  /**
   * Books a settlement, or writes it down if the store does not answer in time. Voids are not
   * written down: their holds are free once their leases have passed. `ledger_unavailable` means
   * that neither the store nor the disk has it, so nobody may be told that it is done.
   */
  settle(command: SettleCommand): Promise<JournalOutcome>;
  /** Waits for settlements under way, at most `graceMs`. What is journaled waits for the next start. */
  close(graceMs: number): Promise<void>;
}

/** Money rule 5: after this the last byte no longer waits for the store. */
const ANSWER_WITHIN_MS = 250;
const BYTES_MAX = 67_108_864;
const LOOK_AGAIN_MS = 60_000;
const FIRST_PAUSE_MS = 25;
const REPLAY_AFTER_MS = 500;
const REPLAY_TOGETHER = 256;
const UNIQUE_BYTES = 8;

type Definite = Exclude<SettleOutcome, { readonly outcome: 'ledger_unavailable' }>;

const definite = (outcome: SettleOutcome): outcome is Definite =>
  outcome.outcome !== 'ledger_unavailable';

/** Opens the journal of a process, and takes over what processes that are gone left behind. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { disk, log } = options;
  const aside = await openAside({
    disk,
    newName: () => newName(options),
    onAside: (reqId, why) =>
      log.error({ reqId, why }, 'delivered but never to be booked: a person must look'),
    onFailure: (reqId, err) => log.error({ err, reqId }, 'could not be set aside'),
  });
  const journal = new SettlementJournal(options, aside);
  await journal.takeOver();
  return journal;
}

const newName = ({ owner, entropy }: JournalOptions): string =>
  `${owner.pid}-${owner.began}-${Buffer.from(entropy.bytes(UNIQUE_BYTES)).toString('hex')}`;

class SettlementJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #aside: Aside;
  readonly #files: JournalFiles;
  readonly #waiting: Replay;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #look: NodeJS.Timeout;
  #looking = false;

  constructor(options: JournalOptions, aside: Aside) {
    const { disk, log } = options;
    this.#options = options;
    this.#aside = aside;
    this.#files = new JournalFiles({
      disk,
      newName: () => `${newName(options)}.journal`,
      bytesMax: options.bytesMax ?? BYTES_MAX,
      onFailure: (err, what) => log.error({ err, what }, 'the journal could not be written'),
    });
    this.#waiting = replay({
      attempt: (kept) => this.#replay(kept),
      together: REPLAY_TOGETHER,
      pauseMs: options.replayAfterMs ?? REPLAY_AFTER_MS,
    });
    const look = (): void => {
      this.takeOver().catch((err: unknown) => log.error({ err }, 'the journal is out of reach'));
    };
    this.#look = setInterval(look, options.lookAgainMs ?? LOOK_AGAIN_MS);
    this.#look.unref();
  }

  settle(command: SettleCommand): Promise<JournalOutcome> {
    const work = this.#bookOrKeep(command);
    this.#underWay.add(work);
    const done = (): void => void this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  async close(graceMs: number): Promise<void> {
    clearInterval(this.#look);
    await atMost(graceMs, Promise.allSettled([...this.#underWay]));
    this.#waiting.stop();
    await atMost(graceMs, this.#files.close());
    const settlements = this.#waiting.size;
    if (settlements === 0) return;
    this.#options.log.warn({ settlements }, 'journaled settlements wait for the next start');
  }

  async #bookOrKeep(command: SettleCommand): Promise<JournalOutcome> {
    const { settle, clock, answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    if (command.resolution === 'void') return settle(command);
    const happenedAt = command.happenedAt ?? clock.now();
    const silence = silenceOf(answerWithinMs);
    const trying = this.#tries(command, silence);
    const answer = await Promise.race([trying, silence.lasted]);
    silence.end();
    if (answer !== undefined && definite(answer)) return answer;
    return await this.#keep({ ...command, resolution: 'settle', happenedAt }, trying);
  }

  /** Tries again for as long as the store may be silent, in case only a connection was lost. */
  async #tries(command: SettleCommand, silence: Silence): Promise<SettleOutcome> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      const outcome = await this.#settleOnce(command);
      if (definite(outcome) || silence.over) return outcome;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (silence.over) return outcome;
    }
  }

  #settleOnce(command: SettleCommand): Promise<SettleOutcome> {
    const { settle, log } = this.#options;
    return settle(command).catch((err: unknown): SettleOutcome => {
      log.error({ err, reqId: command.requestId }, 'settling failed');
      return { outcome: 'ledger_unavailable' };
    });
  }

  /** `trying` is what is still under way towards the store. */
  async #keep(kept: KeptSettlement, trying: Promise<SettleOutcome>): Promise<JournalOutcome> {
    const { log } = this.#options;
    const { requestId: reqId } = kept;
    const answered = new Promise<Definite>((resolve) => {
      void trying.then((outcome) => definite(outcome) && resolve(outcome));
    });
    const writing = this.#files.write(kept);
    const first = await Promise.race([writing, answered]);
    if (typeof first !== 'string') {
      // The store was faster than the disk after all; what is on the disk has ended with that.
      void writing.then(() => this.#files.end(reqId));
      return first;
    }
    if (first !== 'written') {
      log.error({ reqId, why: first }, 'the journal does not take a settlement');
      // Waited for and not given up: it may still commit, and then it counts.
      return await trying;
    }
    if (this.#waiting.size === 0) {
      log.warn({}, 'the store does not answer: settlements are journaled');
    }
    this.#waiting.add(kept);
    void answered.then((outcome) => this.#end(kept, outcome));
    return { outcome: 'journaled' };
  }

  async #replay(kept: KeptSettlement): Promise<boolean> {
    const outcome = await this.#settleOnce(kept);
    return definite(outcome) && (await this.#end(kept, outcome));
  }

  /** False if it has to wait on, because what can never be booked could not be set aside. */
  async #end(kept: KeptSettlement, outcome: Definite): Promise<boolean> {
    const { log } = this.#options;
    const { requestId: reqId, cost } = kept;
    if (!('charged' in outcome)) {
      const { outcome: why } = outcome;
      if (!(await this.#aside.put(reqId, rejectedBytes(kept, why), why))) return false;
    } else if (outcome.charged !== cost) {
      const charged = outcome.charged.toString();
      log.warn({ reqId, charged, cost: cost.toString() }, 'journaled, and not booked at its cost');
    }
    // The store may answer both the first attempt and a replay: one of them ends it.
    if (!this.#waiting.ended(reqId)) return true;
    this.#files.end(reqId);
    if (this.#waiting.size === 0) log.info({}, 'nothing is journaled any more');
    return true;
  }

  /** Takes the files of processes that are gone, and those of its own that it could not read. */
  async takeOver(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const name of await this.#options.disk.list()) {
        if (this.#orphaned(name)) await this.#adopt(name);
      }
    } finally {
      this.#looking = false;
    }
  }

  #orphaned(name: string): boolean {
    const { owner, lives } = this.#options;
    const [, pid, began] = JOURNAL_NAME.exec(name) ?? [];
    if (pid === undefined || began === undefined || this.#files.has(name)) return false;
    const whose = { pid: Number.parseInt(pid, 10), began };
    return (whose.pid === owner.pid && whose.began === owner.began) || !lives(whose);
  }

  async #adopt(file: string): Promise<void> {
    const { disk, log } = this.#options;
    const ours = `${newName(this.#options)}.journal`;
    try {
      if (!(await disk.take(file, ours))) return;
      const { open, damaged, torn } = readJournal(await disk.read(ours));
      if (torn) log.warn({ file }, 'the last write of a journal was cut off');
      for (const bytes of damaged) {
        const safe = await this.#aside.put(damagedKey(bytes), damagedBytes(bytes), 'damaged');
        // Found again at the next look: until then this file is the only place that has it.
        if (!safe) return;
      }
      this.#files.adopt(ours, open.keys());
      for (const kept of open.values()) this.#waiting.add(kept);
      log.warn({ file, settlements: open.size }, 'took over the journal of a dead process');
    } catch (err) {
      log.error({ err, file }, 'a journal could not be read');
    }
  }
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
