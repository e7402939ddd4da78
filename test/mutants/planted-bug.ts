/** One bug, as a patch: what to find, exactly once, in one file, and what stands there instead. */
export interface PlantedBug {
  readonly id: string;
  /** What a colleague in a hurry would get wrong, in one sentence. */
  readonly bug: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** False if it lies outside what the simulation runs, such as verification or the journal's files. */
  readonly simulated: boolean;
  /** Test files that must turn red where the simulation does not. */
  readonly tests: readonly string[];
}

/** One row of a table: the file and the tests are those of the table unless it says otherwise. */
export type BugRow = Pick<PlantedBug, 'id' | 'bug' | 'find' | 'replace'> & Partial<PlantedBug>;

export const bugsIn = (
  place: Pick<PlantedBug, 'file' | 'simulated' | 'tests'>,
  rows: readonly BugRow[],
): PlantedBug[] => rows.map((row) => ({ ...place, ...row }));

export type Patched =
  | { readonly outcome: 'patched'; readonly text: string }
  /** The text has changed since the patch was written: the patch has to follow it. */
  | { readonly outcome: 'does not apply'; readonly found: number };

export function patched(text: string, { find, replace }: PlantedBug): Patched {
  const parts = text.split(find);
  if (parts.length !== 2) return { outcome: 'does not apply', found: parts.length - 1 };
  return { outcome: 'patched', text: parts.join(replace) };
}
