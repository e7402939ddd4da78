import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';
import { offWins } from './off.ts';
import { crossThreshold } from './rounds.ts';
import { runSeed } from './seed.ts';
import { openReloads, type ReloadsWorld } from './world.ts';

// In an affordable size; `npm run reloads` is the whole of it.
const SETTLEMENTS = 1_000;
const TRIALS = 25;
const SEEDS = 6;

let db: TestDatabase;
let world: ReloadsWorld;

beforeAll(async () => {
  db = await testDatabase();
  world = await openReloads(db);
});
afterAll(async () => {
  await world?.close();
  await db?.drop();
});

it('a crowd that settles at once on two nodes, across the threshold, is one charge (S16)', async () => {
  const { settled, charges } = await crossThreshold(world, SETTLEMENTS);
  expect(settled).toBe(SETTLEMENTS);
  expect(charges).toHaveLength(1);
});

it('off wins every race, or the person was told that a reload is under way', async () => {
  for (let trial = 1; trial <= TRIALS; trial += 1) {
    expect(await offWins(world, trial)).not.toHaveProperty('wrong');
  }
});

it('no order of statements and calls charges twice, after off, or beyond the bounds', async () => {
  let charges = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runSeed(world, seed);
    expect(result.violation, result.trace.join('\n')).toBeUndefined();
    charges += result.charges;
  }
  expect(charges).toBeGreaterThan(0);
});
