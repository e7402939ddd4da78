import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/batcher.test.ts',
  'src/charging/grouping.test.ts',
  'src/charging/outcomes.test.ts',
  'src/charging/retries.test.ts',
  'src/charging/settlement.db.test.ts',
  'src/charging/charging.db.test.ts',
];

/** Group commit: what a process does around the two statements. */
export const BATCHES: readonly PlantedBug[] = [
  ...bugsIn({ file: 'src/charging/batcher.ts', simulated: true, tests: TESTS }, [
    {
      id: 'batch-swaps-outcomes',
      bug: 'Answers are handed out in another order than commands were sent.',
      find: 'const b = right[index];',
      replace: 'const b = right[right.length - 1 - index];',
    },
    {
      id: 'batch-loses-an-outcome',
      bug: 'The last answer of a batch is not handed out.',
      find: 'return left.flatMap((a, index): [A, B][] => {',
      replace:
        'return left.slice(0, Math.max(1, left.length - 1)).flatMap((a, index): [A, B][] => {',
    },
    {
      id: 'batch-drops-a-part',
      bug: 'After a batch was split only the answers of its first part are kept.',
      find: 'for (const [command, outcome] of outcomes) found.set(command, outcome);',
      replace: 'if (found.size === 0) for (const [c, outcome] of outcomes) found.set(c, outcome);',
    },
    {
      id: 'batch-fails-as-a-whole',
      bug: 'One bad command fails all that were sent with it.',
      find: 'commands.length > 1 ? split(commands, error) : undefined;',
      replace: 'undefined;',
    },
    {
      id: 'batch-without-a-size',
      bug: 'Everything that waits goes together, however much it is.',
      find: 'this.#waiting.splice(0, this.#options.batchMax);',
      replace: 'this.#waiting.splice(0);',
      simulated: false,
    },
    {
      id: 'batch-forgets-late-comers',
      bug: 'What arrives while a batch is under way waits until somebody else comes.',
      find: 'while (this.#waiting.length > 0) {',
      replace: 'if (this.#waiting.length > 0) {',
      simulated: false,
    },
  ]),
  ...bugsIn({ file: 'src/charging/grouping.ts', simulated: true, tests: TESTS }, [
    {
      id: 'answers-in-sorted-order',
      bug: 'Answers are not put back into the order of arrival.',
      find: 'restored[arrival] = answer;',
      replace: 'restored[index] = answer;',
    },
    {
      id: 'locks-in-order-of-arrival',
      bug: 'Organizations are locked in the order in which their commands arrived.',
      find: 'a.organization < b.organization ? -1 : a.organization > b.organization ? 1 : 0,',
      replace: `commands.findIndex((c) => c.organizationId === a.organization) -
        commands.findIndex((c) => c.organizationId === b.organization),`,
    },
    {
      id: 'last-come-first-served',
      bug: 'Commands of one organization are decided last come, first served.',
      find: 'a.organization > b.organization ? 1 : 0,',
      replace: 'a.organization > b.organization ? 1 : b.arrival - a.arrival,',
    },
  ]),
  ...bugsIn({ file: 'src/charging/charging.ts', simulated: true, tests: TESTS }, [
    {
      id: 'retry-with-a-new-id',
      bug: 'A statement that has to run again takes new ids for its holds.',
      find: `    return restore(await withRetries(() => options.holdLane.query<sql.PlacedRow>(statement)));`,
      replace: `    let turn = 0;
    const again = () => {
      const ids = sorted.map((c) => (turn === 0 ? c.requestId : \`\${c.requestId}-\${turn}\`));
      turn += 1;
      const values = statement.values?.with(3, ids) ?? [];
      return options.holdLane.query<sql.PlacedRow>({ ...statement, values });
    };
    return restore(await withRetries(again));`,
    },
    {
      id: 'deadlock-not-retried',
      bug: 'A statement that lost a deadlock is given up.',
      find: "const RETRYABLE = new Set(['40001', '40P01']);",
      replace: "const RETRYABLE = new Set(['40001']);",
    },
    {
      id: 'serialization-not-retried',
      bug: 'A statement that met a serialization failure is given up.',
      find: "const RETRYABLE = new Set(['40001', '40P01']);",
      replace: "const RETRYABLE = new Set(['40P01']);",
    },
    {
      id: 'locked-book-fails-everybody',
      bug: 'One organization whose book is locked fails the commands of all others.',
      find: 'if (state !== LOCKED) return undefined;',
      replace: "if (state !== 'never') return undefined;",
    },
    {
      id: 'impossible-settlement-tried-for-ever',
      bug: 'A settlement the database can never take is said to be tried again later.',
      find: 'const never = DATA_ERRORS.test(sqlState(error));',
      replace: 'const never = false;',
    },
    {
      id: 'lease-never-renewed',
      bug: 'The leases of open holds are not renewed.',
      find: "if (outcome.outcome === 'held') open.set(command.requestId, command);",
      replace: '',
      simulated: false,
    },
    {
      id: 'lease-dropped-with-the-store-away',
      bug: 'A hold whose settlement was not answered is no longer kept alive.',
      find: "if (outcome.outcome !== 'ledger_unavailable') open.delete(command.requestId);",
      replace: 'open.delete(command.requestId);',
      simulated: false,
    },
    {
      id: 'happened-at-left-out',
      bug: 'When a journaled answer was delivered is not handed on.',
      find: 'sorted.map((c) => c.happenedAt ?? null),',
      replace: 'sorted.map(() => null),',
    },
    {
      id: 'amounts-as-floats',
      bug: 'Amounts are handed to the database as floating point numbers.',
      find: "sorted.map((c) => (c.kind === 'place' ? c.amount : c.toAmount)),",
      replace:
        "sorted.map((c) => BigInt(Math.fround(Number(c.kind === 'place' ? c.amount : c.toAmount)))),",
    },
    {
      id: 'costs-rounded-to-cents',
      bug: 'Costs are rounded up to cents before they are charged.',
      find: "sorted.map((c) => (c.resolution === 'void' ? 0n : c.cost)),",
      replace:
        "sorted.map((c) => (c.resolution === 'void' ? 0n : ((c.cost + 9_999_999n) / 10_000_000n) * 10_000_000n)),",
    },
  ]),
  ...bugsIn({ file: 'src/charging/outcomes.ts', simulated: true, tests: TESTS }, [
    {
      id: 'lateness-not-told',
      bug: 'Nobody is told that a settlement came late.',
      find: "      if (row.late) flags.push('late');\n",
      replace: '',
    },
    {
      id: 'overrun-not-told',
      bug: 'Nobody is told that a cost was above what could be charged.',
      find: "      if (row.overrun_nanos > 0n) flags.push('overrun');\n",
      replace: '',
    },
  ]),
];
