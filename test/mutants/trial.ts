import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runBounded } from './bounded-run.ts';
import type { PlantedBug } from './planted-bug.ts';
import type { ScratchCopy } from './scratch-copy.ts';

export type Verdict =
  | { readonly verdict: 'caught'; readonly by: 'simulation'; readonly seed: number }
  | { readonly verdict: 'caught'; readonly by: 'test'; readonly test: string }
  | { readonly verdict: 'survived' }
  /** The patch says nothing about the tests: it does not apply, or what it makes cannot be loaded. */
  | { readonly verdict: 'unfit'; readonly why: string };

export interface TrialOptions {
  readonly seeds: number;
  readonly simulationMs: number;
  readonly testsMs: number;
}

/** What the code without a bug does: everything must be green, or red would prove nothing. */
export async function trialOfNothing(
  copies: readonly ScratchCopy[],
  bugs: readonly PlantedBug[],
  options: TrialOptions,
): Promise<Verdict> {
  const [first] = copies;
  if (first === undefined) return { verdict: 'survived' };
  const tests = [...new Set(bugs.flatMap((bug) => bug.tests))];
  const simulated = bugs.some((bug) => bug.simulated);
  const [red, verdict] = await Promise.all([
    simulated ? simulation(copies.at(-1) ?? first, options) : undefined,
    testFiles(first, tests, options),
  ]);
  return red ?? verdict;
}

/** Plants one bug and looks until something is red: the simulation first, then the named tests. */
export async function trial(
  copy: ScratchCopy,
  bug: PlantedBug,
  options: TrialOptions,
): Promise<Verdict> {
  const takeOut = copy.plant(bug);
  if (takeOut === undefined) return { verdict: 'unfit', why: `${bug.id} does not apply once` };
  try {
    const seen = bug.simulated ? await simulation(copy, options) : undefined;
    if (seen?.verdict === 'caught') return seen;
    const told = await testFiles(copy, bug.tests, options);
    // A simulation that breaks down says only that something is wrong: the tests have to say what.
    return told.verdict === 'survived' ? (seen ?? told) : told;
  } finally {
    takeOut();
    await copy.tidy();
  }
}

const inside = (copy: ScratchCopy) => ({ cwd: copy.root, temporary: copy.temporary });

/** Undefined if it saw nothing, or did not end in time: then the tests decide. */
async function simulation(copy: ScratchCopy, options: TrialOptions): Promise<Verdict | undefined> {
  const { seeds, simulationMs } = options;
  const args = ['test/simulation/run.ts', '--seeds', `${seeds}`, '--first-violation'];
  const { code, output } = await runBounded(args, inside(copy), simulationMs);
  const seed = /^caught at seed (\d+)$/m.exec(output)?.[1];
  if (seed !== undefined) return { verdict: 'caught', by: 'simulation', seed: Number(seed) };
  if (code === 0 || code === null) return undefined;
  return { verdict: 'unfit', why: `the simulation broke down: ${lastLine(output)}` };
}

const report = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

// What a patch that is not TypeScript or SQL ends in.
const UNLOADABLE = /SyntaxError|Transform failed|Parse error|migration \S+ failed/;

async function testFiles(
  copy: ScratchCopy,
  tests: readonly string[],
  { testsMs }: TrialOptions,
): Promise<Verdict> {
  const file = join(copy.temporary, 'report.json');
  const args = [
    ...['node_modules/vitest/vitest.mjs', 'run', ...tests, '--bail=1', '--maxWorkers=1'],
    ...['--reporter=json', `--outputFile=${file}`],
  ];
  const { code, output } = await runBounded(args, inside(copy), testsMs);
  if (code === 0) return { verdict: 'survived' };
  if (code === null) return { verdict: 'caught', by: 'test', test: 'never ended' };
  if (!existsSync(file)) return { verdict: 'unfit', why: `no test runs: ${lastLine(output)}` };
  return verdictOf(report.parse(JSON.parse(readFileSync(file, 'utf8'))), copy.root);
}

function verdictOf(found: z.infer<typeof report>, root: string): Verdict {
  for (const suite of found.testResults) {
    const red = suite.assertionResults.find(({ status }) => status === 'failed');
    const why = red?.failureMessages?.join('\n') ?? suite.message ?? '';
    if (suite.status !== 'failed' && red === undefined) continue;
    if (UNLOADABLE.test(why)) return { verdict: 'unfit', why: why.split('\n')[0] ?? why };
    const path = suite.name.replace(`${root}/`, '');
    const test = red === undefined ? `${path} as a whole` : `${path}: ${red.fullName}`;
    return { verdict: 'caught', by: 'test', test };
  }
  return { verdict: 'unfit', why: 'the run failed and no test did' };
}

const lastLine = (output: string): string => output.trim().split('\n').at(-1) ?? '';
