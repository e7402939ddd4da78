import { STORE_MS, within } from '#gateway/in-time';
import { type MadeThings, madeIn } from '#gateway/made-things';
import type { ContainerOwners } from '#orgs/containers';
import type { FileOwners, FileScope } from '#orgs/files';

/** Where it is written whose things there are. */
export interface ThingOwners {
  readonly files: FileOwners;
  readonly containers: ContainerOwners;
}

/** Notes whose something is. Never rejects, and takes at most a second. */
export type NoteMade = (scope: FileScope, made: MadeThings) => Promise<void>;

/** What could not be noted is nobody's: its customer cannot name it, and nobody else can. */
export const noteMade =
  ({ files, containers }: ThingOwners, onFailure: (error: unknown) => void): NoteMade =>
  async (scope, made) => {
    const noting = async (): Promise<void> => {
      await containers.record(scope, made.containers);
      // How large they are, nobody has said.
      const file = (id: string) => files.record(scope, { id, sizeBytes: 0, expiresAt: null });
      await Promise.all(made.files.map(file));
    };
    await within(noting(), STORE_MS).catch(onFailure);
  };

/** Sees an answer go by and notes what it made; to be awaited before the answer is over. */
export interface MadeNotes {
  see(told: unknown): void;
  /** Undefined where there is nothing to wait for. */
  readonly noted: Promise<unknown> | undefined;
}

export function madeNotes(note: NoteMade | undefined, scope: FileScope): MadeNotes {
  let noted: Promise<unknown> | undefined;
  return {
    see(told) {
      const made = madeIn(told);
      if (made === undefined || note === undefined) return;
      noted = Promise.all([noted, note(scope, made)]);
    },
    get noted() {
      return noted;
    },
  };
}
