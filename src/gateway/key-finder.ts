import { STORE_MS, within } from '#gateway/in-time';
import type { FoundKey } from '#orgs/key-lookup';

type FindMany = (digests: readonly Buffer[]) => Promise<readonly (FoundKey | undefined)[]>;

interface Waiting {
  readonly digest: Buffer;
  readonly resolve: (found: FoundKey | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Looks keys up in as few statements as the store keeps up with: while one is under way, whoever
 * comes waits for the next. Thousands of keys in use then cost the store a few statements a second.
 */
export function keyFinder(findMany: FindMany): (digest: Buffer) => Promise<FoundKey | undefined> {
  let waiting: Waiting[] = [];
  let underWay = false;

  async function answer(asked: readonly Waiting[]): Promise<void> {
    try {
      // A statement that hangs does not keep the next from another connection.
      const found = await within(findMany(asked.map(({ digest }) => digest)), STORE_MS);
      for (const [index, { resolve }] of asked.entries()) resolve(found[index]);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  async function work(): Promise<void> {
    underWay = true;
    while (waiting.length > 0) {
      // All of them: while the store is away nobody has waited for longer than one statement.
      const asked = waiting;
      waiting = [];
      await answer(asked);
    }
    underWay = false;
  }

  return (digest) =>
    new Promise((resolve, reject) => {
      waiting.push({ digest, resolve, reject });
      if (!underWay) void work();
    });
}
