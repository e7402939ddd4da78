import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Db, Pool } from '#db/pool';
import { VirtualClock } from '#test/virtual-clock';
import type { Caller } from './call.ts';
import { Chance } from './chance.ts';
import { Schedule } from './schedule.ts';
import { Store } from './store.ts';
import { drawWeather } from './weather.ts';
import { Witness } from './witness.ts';

/** A database that answers nothing to everything, at once. */
const nothing: Db = { query: async () => [] };
const pool: Pool = {
  ...nothing,
  transaction: (work) => work(nothing),
  close: async () => {},
};

/** Far more than the product puts between an answer and what it asks next. */
async function manyPromises(): Promise<void> {
  for (let i = 0; i < 50; i++) await undefined;
}

function world() {
  const clock = new VirtualClock(pool);
  const schedule = new Schedule(new Chance(1));
  const parts = { pool, clock, schedule, witness: new Witness(), chance: new Chance(1) };
  const store = new Store({ ...parts, weather: drawWeather(1) });
  store.calm = true;
  return { schedule, store };
}

test('a process that is dead begins nothing, whoever still asks it', async () => {
  const { schedule, store } = world();
  const caller: Caller = { name: 'node0', pace: 1, dead: true, crash: async () => {} };
  void store.office(caller, {
    ...{ kind: 'seize', about: 'one', organization: 'org_A', follow: () => {} },
    work: (tx) => tx.query({ text: 'one' }),
  });
  expect(await schedule.step()).toBe(false);
  expect(store.underWay).toEqual([]);
});

test('work that never ends is given up, though nothing else keeps the process alive', async () => {
  const address = new URL('./database-of-its-own.ts', import.meta.url).href;
  const script = `import { atMost } from '${address}';
    await atMost(50, new Promise(() => {}));
    console.log('the story');`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  expect(stdout).toBe('the story\n');
});

test.each([
  { when: 'between two statements', statements: ['one', 'two'] },
  { when: 'between the last statement and the commit', statements: ['one'] },
])('a process that dies $when of a transaction leaves none of it open', async ({ statements }) => {
  const { schedule, store } = world();
  const life = { name: 'node0', pace: 1, dead: false };
  const caller: Caller = { ...life, crash: async () => {} };
  const told = store.office(caller, {
    ...{ kind: 'grant', about: 'one', organization: 'org_A' },
    async work(tx) {
      for (const text of statements) {
        await tx.query({ text });
        await manyPromises();
      }
      return {};
    },
    follow: () => {},
  });
  const refused = expect(told).rejects.toThrow('Connection terminated');
  await schedule.step();
  await schedule.step();
  // The first statement has been answered, and the process has not got any further yet.
  const crashed = store.crashed(caller).then(() => 'over');
  const late = new Promise((resolve) => setTimeout(resolve, 1_000, 'still open'));
  expect(await Promise.race([crashed, late])).toBe('over');
  expect(store.underWay).toEqual([]);
  await refused;
});
