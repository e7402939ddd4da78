import type { Command } from 'commander';
import type { Answer, System } from '#cli/answer';

/** How a verb is run: it answers, and this prints and sets the exit code. */
export interface Verbs {
  readonly program: Command;
  /** A verb that needs the running system. */
  onSystem<Args extends unknown[]>(
    verb: (system: System, ...args: Args) => Promise<Answer>,
  ): (...args: Args) => Promise<void>;
  /** A verb that works without one. */
  alone(verb: () => Promise<Answer>): () => Promise<void>;
  exitWith(code: number): void;
}
