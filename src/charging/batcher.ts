import type { Flushed } from '#charging/flusher';

/** A command waiting for its batch, and the promise of whoever sent it. */
interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly resolve: (outcome: Outcome) => void;
}

export interface BatcherOptions<Command, Outcome> {
  /**
   * Runs commands together; answers in the same order, or throws and has done nothing it knows.
   * If `unflushed`, what it answers need not be on the disk yet.
   */
  readonly run: (commands: readonly Command[], unflushed: boolean) => Promise<Outcome[]>;
  /** What a command gets when even alone it could not be run. */
  readonly failed: (command: Command, error: unknown) => Outcome;
  /**
   * Smaller batches that deserve a run of their own after this error, because only part of the
   * commands can be at fault; undefined if the error is everybody's.
   */
  readonly split: (commands: readonly Command[], error: unknown) => Command[][] | undefined;
  /** Largest batch: bounds how long one statement holds its locks. */
  readonly batchMax: number;
  /**
   * Asked before a batch runs: a function that resolves when all it did is on the disk. Nobody is
   * answered before, but the next batch need not wait for it. Undefined if its runs shall wait.
   */
  readonly unflushed?: (commands: readonly Command[]) => Flushed | undefined;
}

/**
 * Group commit: commands gather while the previous batch is in flight, then go together. There is
 * no timer: the time of one commit fills the next batch, so an idle system waits for nothing.
 */
export class Batcher<Command, Outcome> {
  readonly #options: BatcherOptions<Command, Outcome>;
  #waiting: Waiting<Command, Outcome>[] = [];
  #running: Promise<void> | undefined;
  #answering: Promise<void> | undefined;
  #sent = 0;
  /** Numbers of batches without an answer. One that waits for the disk may be overtaken. */
  readonly #unanswered = new Set<number>();

  constructor(options: BatcherOptions<Command, Outcome>) {
    this.#options = options;
  }

  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ command, resolve });
      this.#running ??= this.#drain();
    });
  }

  /** Number of the oldest batch that is under way; undefined if none is. */
  get underWay(): number | undefined {
    const [oldest] = this.#unanswered;
    return oldest;
  }

  /** Resolves when everything submitted so far has its outcome. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#answering;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets requests that arrived together leave together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#options.batchMax);
      const number = ++this.#sent;
      this.#unanswered.add(number);
      const commands = batch.map(({ command }) => command);
      const flushed = this.#options.unflushed?.(commands);
      const outcomes = await this.#outcomes(commands, flushed !== undefined);
      if (flushed === undefined) this.#answer(number, batch, outcomes);
      else this.#answering = this.#answerOnceFlushed(number, batch, outcomes, flushed());
    }
    this.#running = undefined;
  }

  /** Whether they were kept is unknown if that cannot be asked: as with a commit, none is told so. */
  async #answerOnceFlushed(
    number: number,
    batch: readonly Waiting<Command, Outcome>[],
    outcomes: Map<Command, Outcome>,
    flushed: Promise<void>,
  ): Promise<void> {
    const unknown = await flushed.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (unknown !== undefined) {
      for (const { command } of batch) {
        outcomes.set(command, this.#options.failed(command, unknown.error));
      }
    }
    this.#answer(number, batch, outcomes);
  }

  #answer(
    number: number,
    batch: readonly Waiting<Command, Outcome>[],
    outcomes: Map<Command, Outcome>,
  ): void {
    this.#unanswered.delete(number);
    for (const { command, resolve } of batch) {
      resolve(outcomes.get(command) ?? this.#options.failed(command, new Error('lost outcome')));
    }
  }

  /**
   * Commands are idempotent by id, so they may run again: one that the database cannot take must not
   * fail its neighbours. An unreachable database fails all at once: trying each would make the last
   * one wait for every time-out before it.
   */
  async #outcomes(
    commands: readonly Command[],
    unflushed: boolean,
  ): Promise<Map<Command, Outcome>> {
    const { run, failed, split } = this.#options;
    try {
      const answers = await run(commands, unflushed);
      return new Map(zip(commands, answers));
    } catch (error) {
      const parts = commands.length > 1 ? split(commands, error) : undefined;
      if (parts === undefined || parts.length < 2) {
        return new Map(commands.map((command) => [command, failed(command, error)]));
      }
      const found = new Map<Command, Outcome>();
      for (const part of parts) {
        const outcomes = await this.#outcomes(part, unflushed);
        for (const [command, outcome] of outcomes) found.set(command, outcome);
      }
      return found;
    }
  }
}

function zip<A, B>(left: readonly A[], right: readonly B[]): [A, B][] {
  if (left.length !== right.length)
    throw new Error(`${left.length} asked, ${right.length} answered`);
  return left.flatMap((a, index): [A, B][] => {
    const b = right[index];
    return b === undefined ? [] : [[a, b]];
  });
}
