/** A command waiting for its batch, and the promise of whoever sent it. */
interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly resolve: (outcome: Outcome) => void;
}

export interface BatcherOptions<Command, Outcome> {
  /** Runs commands together; answers in the same order, or throws and has done nothing it knows. */
  readonly run: (commands: readonly Command[]) => Promise<Outcome[]>;
  /** What a command gets when even alone it could not be run. */
  readonly failed: (command: Command, error: unknown) => Outcome;
  /**
   * Smaller batches that deserve a run of their own after this error, because only part of the
   * commands can be at fault; undefined if the error is everybody's.
   */
  readonly split: (commands: readonly Command[], error: unknown) => Command[][] | undefined;
  /** Largest batch: bounds how long one statement holds its locks. */
  readonly batchMax: number;
}

/**
 * Group commit: commands gather while the previous batch is in flight, then go together. There is
 * no timer: the time of one commit fills the next batch, so an idle system waits for nothing.
 */
export class Batcher<Command, Outcome> {
  readonly #options: BatcherOptions<Command, Outcome>;
  #waiting: Waiting<Command, Outcome>[] = [];
  #running: Promise<void> | undefined;
  #sent = 0;
  #answered = 0;

  constructor(options: BatcherOptions<Command, Outcome>) {
    this.#options = options;
  }

  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ command, resolve });
      this.#running ??= this.#drain();
    });
  }

  /** Number of the batch that is under way; undefined if none is. */
  get underWay(): number | undefined {
    return this.#sent > this.#answered ? this.#sent : undefined;
  }

  /** Resolves when everything submitted so far has its outcome. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets requests that arrived together leave together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#options.batchMax);
      this.#sent += 1;
      await this.#runTogether(batch);
      this.#answered = this.#sent;
    }
    this.#running = undefined;
  }

  async #runTogether(batch: readonly Waiting<Command, Outcome>[]): Promise<void> {
    const commands = batch.map(({ command }) => command);
    const outcomes = await this.#outcomes(commands, this.#options.split);
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
    split: BatcherOptions<Command, Outcome>['split'],
  ): Promise<Map<Command, Outcome>> {
    const { run, failed } = this.#options;
    try {
      const answers = await run(commands);
      return new Map(zip(commands, answers));
    } catch (error) {
      const parts = commands.length > 1 ? split(commands, error) : undefined;
      if (parts === undefined || parts.length < 2) {
        return new Map(commands.map((command) => [command, failed(command, error)]));
      }
      const found = new Map<Command, Outcome>();
      for (const part of parts) {
        const outcomes = await this.#outcomes(part, split);
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
