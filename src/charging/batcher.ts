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
  /** Whether an error can be one command's fault, so that the others deserve a second run. */
  readonly blameOne: (error: unknown) => boolean;
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
    try {
      const outcomes = await this.#options.run(batch.map(({ command }) => command));
      for (const [index, waiting] of batch.entries()) {
        const outcome = outcomes[index];
        if (outcome === undefined) throw new Error(`batch of ${batch.length} lost an outcome`);
        waiting.resolve(outcome);
      }
    } catch (error) {
      // Commands are idempotent by id, so each may be tried again alone: one that the database
      // cannot take must not fail its neighbours. An unreachable database fails all at once: trying
      // each would make the last one wait for every time-out before it.
      const alone = batch.length > 1 && this.#options.blameOne(error);
      for (const { command, resolve } of batch) {
        resolve(alone ? await this.#runAlone(command) : this.#options.failed(command, error));
      }
    }
  }

  async #runAlone(command: Command): Promise<Outcome> {
    try {
      const [outcome] = await this.#options.run([command]);
      if (outcome === undefined) throw new Error('batch of 1 lost its outcome');
      return outcome;
    } catch (error) {
      return this.#options.failed(command, error);
    }
  }
}
