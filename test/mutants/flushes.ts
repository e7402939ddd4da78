import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = ['src/charging/flusher.test.ts', 'src/charging/flush.db.test.ts'];

/** Commits that do not wait for the disk: nobody is told of them before it has them. */
export const FLUSHES: readonly PlantedBug[] = [
  ...bugsIn({ file: 'src/charging/flusher.ts', simulated: false, tests: TESTS }, [
    {
      id: 'flush-of-another-life',
      bug: 'A flush after a crash of the server counts for what was committed before it.',
      find: "if ((await flushed()) !== before) throw new Error('the server has begun anew meanwhile');",
      replace: 'await flushed();',
    },
    {
      id: 'flush-of-a-life-unknown',
      bug: 'After a flush that failed the server is thought to be what it was.',
      find: '      life = undefined;\n      throw error;',
      replace: '      throw error;',
    },
    {
      id: 'flush-that-began-before',
      bug: 'Whoever commits while a flush is under way is told by that one.',
      find: '  function flushed(): Promise<string> {\n',
      replace: `  function flushed(): Promise<string> {
    if (underWay !== undefined) return underWay;
`,
    },
    {
      id: 'flush-fails-the-next',
      bug: 'A flush that fails is the failure of whoever asked for the next one.',
      find: '      .catch(() => {})\n      .then(() => {',
      replace: '      .then(() => {',
    },
    {
      id: 'flush-by-each',
      bug: 'Everybody who commits has a flush of their own.',
      find: 'next ??= Promise.resolve(underWay)',
      replace: 'next = Promise.resolve(underWay)',
    },
  ]),
  ...bugsIn({ file: 'src/charging/batcher.ts', simulated: false, tests: TESTS }, [
    {
      id: 'told-before-the-flush',
      bug: 'Who is in a batch that does not wait for the disk is told at once.',
      find: 'if (flushed === undefined) this.#answer(number, batch, outcomes);',
      replace: 'if (flushed !== null) this.#answer(number, batch, outcomes);',
    },
    {
      id: 'told-though-the-flush-failed',
      bug: 'After a flush that failed everybody is told that it is done.',
      find: 'if (unknown !== undefined) {',
      replace: 'if (unknown === null) {',
    },
    {
      id: 'flush-waited-for-by-the-next',
      bug: 'The next batch waits until the one before it is on the disk.',
      find: 'else this.#answering = this.#answerOnceFlushed(number, batch, outcomes, flushed());',
      replace: 'else await this.#answerOnceFlushed(number, batch, outcomes, flushed());',
    },
  ]),
];
