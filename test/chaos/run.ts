// kill -9 of nodes and of PostgreSQL under load, round after round: see README.md beside this file.
import { parseArgs } from 'node:util';
import { chanceOf } from './chance.ts';
import { type Chaos, openChaos, type Round, VICTIMS, type Victim } from './chaos.ts';
import { makeFolder, removeFolder, sweepAbandoned } from './folder.ts';
import { isPlant, PLANTS } from './plants.ts';

const SHOWN_MAX = 8;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function options() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100' },
      seed: { type: 'string' },
      plant: { type: 'string' },
    },
  });
  const rounds = Number.parseInt(values.rounds, 10);
  const seed = Number.parseInt(values.seed ?? `${Date.now() % 1_000_000}`, 10);
  if (!(rounds > 0) || !(seed >= 0)) throw new Error('--rounds and --seed take whole numbers');
  if (values.plant !== undefined && !isPlant(values.plant)) {
    throw new Error(`--plant is one of ${Object.keys(PLANTS).join(', ')}`);
  }
  return { rounds, seed, plant: values.plant };
}

function lineOf(number: number, round: Round): string {
  const { operations, acknowledged, journaled, unknown, violations } = round;
  return [
    `${number}`.padStart(4),
    round.victim.padEnd(10),
    `${operations} operations,`.padStart(17),
    `${acknowledged} acknowledged`.padStart(18),
    `(${journaled} by journal),`.padStart(17),
    `${unknown} unknown,`.padStart(12),
    `back after ${round.recoveryMs.toFixed(0)} ms`.padEnd(19),
    violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`,
  ].join('  ');
}

function showViolations(violations: readonly string[]): void {
  for (const violation of violations.slice(0, SHOWN_MAX)) say(`      ${violation}`);
  const more = violations.length - SHOWN_MAX;
  if (more > 0) say(`      and ${more} more`);
}

function summarize(rounds: readonly Round[], seconds: number): void {
  const total = (count: (round: Round) => number, of = rounds) =>
    of.reduce((sum, round) => sum + count(round), 0);
  say('');
  for (const victim of VICTIMS) {
    const of = rounds.filter((round) => round.victim === victim);
    const times = of.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
    const middle = times[Math.floor(times.length / 2)]?.toFixed(0) ?? '-';
    say(
      `${victim.padEnd(10)} killed in ${`${of.length}`.padStart(3)} rounds, back after ${middle} ms ` +
        `(median), ${times.at(-1)?.toFixed(0) ?? '-'} ms (longest); ` +
        `${total((r) => r.acknowledged, of)} acknowledged ` +
        `(${total((r) => r.journaled, of)} by journal), ${total((r) => r.unknown, of)} unknown`,
    );
  }
  say(
    `${rounds.length} rounds, ${total((r) => r.operations)} operations in ${seconds.toFixed(0)} s, ` +
      `${total((r) => r.violations.length)} violations`,
  );
}

async function play(chaos: Chaos, seed: number, count: number): Promise<Round[]> {
  const chance = chanceOf(seed);
  const rounds: Round[] = [];
  let bag: Victim[] = [];
  for (let number = 1; number <= count; number++) {
    // Each kind once in four rounds, in an order of chance.
    if (bag.length === 0) bag = [...VICTIMS];
    const victim = chance.pick(bag);
    bag = bag.filter((other) => other !== victim);
    const round = await chaos.round(victim, chance.between(0, 2 ** 31));
    rounds.push(round);
    say(lineOf(number, round));
    showViolations(round.violations);
  }
  return rounds;
}

async function main(): Promise<number> {
  const { rounds: count, seed, plant } = options();
  say(`seed ${seed}: it chooses victims, moments and amounts; what a crash hits is never the same`);
  if (plant !== undefined && isPlant(plant)) say(`planted bug: ${PLANTS[plant]}`);
  await sweepAbandoned();
  const dir = makeFolder();
  let chaos: Chaos | undefined;
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (chaos?.close() ?? Promise.resolve()).finally(() => removeFolder(dir));
    return stopping;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  }
  try {
    chaos = await openChaos(dir, plant);
    const began = performance.now();
    const rounds = await play(chaos, seed, count);
    summarize(rounds, (performance.now() - began) / 1_000);
    const whole = await chaos.whole();
    say(`all rounds against the whole ledger once more: ${whole.length} violations`);
    showViolations(whole);
    return whole.length + rounds.reduce((sum, { violations }) => sum + violations.length, 0);
  } finally {
    await stop();
  }
}

process.exitCode = (await main()) === 0 ? 0 : 1;
