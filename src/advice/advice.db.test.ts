import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAdvice, runwayDays, type Setting } from '#advice/advice';
import type { Spell } from '#advice/course';
import { replay } from '#advice/replay';
import { type NanoUsd, nanos } from '#kernel/money';
import { LOW_TASK } from '#ledger/low';
import { readUsableCredit } from '#ledger/spending';
import { evaluateDueReloads } from '#payments/reload';
import type { ReloadSettings } from '#payments/reload-settings';
import { give, toNextMonth } from '#test/ledger-world';
import { VISA } from '#test/payments';
import { type Reloader, type ReloadWorld, reloadWorld, SETTINGS, usd } from '#test/reload-world';

let reloads: ReloadWorld;
beforeAll(async () => {
  reloads = await reloadWorld();
  await toNextMonth(reloads.world.db.pool);
});
afterAll(() => reloads?.close());

const nowOf = async (its: Reloader): Promise<Date> =>
  (await readUsableCredit(reloads.world.db.pool, its.payer.organizationId)).now;

/** Minutes to wait, and then what is spent at once: never more than there is. */
type Step = readonly [minutes: number, spend: string];

/** Does it for good: with the ledger, the trigger, the job and a processor. */
async function forReal(its: Reloader, settings: Partial<ReloadSettings>, steps: readonly Step[]) {
  const { pool } = reloads.world.db;
  await its.save(VISA);
  await give(pool, its.payer, usd('50'));
  await its.set(settings);
  const from = (await nowOf(its)).getTime();
  const spells: Spell[] = [];
  for (const [minutes, amount] of steps) {
    for (let minute = 0; minute < minutes; minute += 5) {
      await reloads.later('5 minutes');
      await evaluateDueReloads(reloads.world.deps);
    }
    const at = (await nowOf(its)).getTime();
    await its.spend(amount);
    spells.push({ from: at, to: at, spent: usd(amount) });
    if ((await its.queued(LOW_TASK)) > 0) await its.ask();
  }
  // What was bought last arrives.
  await reloads.later('5 minutes');
  const to = (await nowOf(its)).getTime();
  const bought = (await its.purchases()).filter(({ trigger }) => trigger === 'auto_reload');
  return { from, to, spells, bought: bought.map(({ credit }) => credit).reverse() };
}

async function both(settings: Partial<ReloadSettings>, steps: readonly Step[]) {
  const its = await reloads.reloader();
  const { from, to, spells, bought } = await forReal(its, settings, steps);
  const { threshold, target, maxPerDay, maxPerMonth } = { ...SETTINGS, ...settings };
  const replayed = replay(
    {
      ...{ threshold, target, maxPerDay, maxPerMonth, from, to },
      ...{ minimum: usd('5'), maximum: usd('10000'), usualTax: null, start: usd('50') },
    },
    spells,
  );
  const credits: readonly NanoUsd[] = replayed.reloads.map(({ credit }) => credit);
  return { bought, credits, balance: replayed.balance, its };
}

const COURSES: readonly {
  readonly name: string;
  readonly settings: Partial<ReloadSettings>;
  readonly steps: readonly Step[];
  readonly bought: readonly string[];
}[] = [
  {
    name: 'a fourth reload in an hour waits for its end',
    settings: {},
    steps: [
      ...([
        [30, '41'],
        [10, '42'],
        [10, '43'],
        [10, '45'],
      ] as const),
      ...([
        [5, '3'],
        [60, '1'],
        [300, '45'],
      ] as const),
    ],
    bought: ['41', '42', '43', '48', '46'],
  },
  {
    name: 'a third in a day waits for the next',
    settings: { maxPerDay: 2 },
    steps: [
      [30, '41'],
      [30, '41'],
      [30, '45'],
      [600, '2'],
      [900, '1'],
      [300, '40'],
    ],
    bought: ['41', '41', '47', '41'],
  },
  {
    name: 'the month is full',
    settings: { maxPerMonth: usd('70') },
    steps: [
      [30, '42'],
      [90, '41'],
      [90, '9'],
      [90, '20'],
    ],
    bought: ['42', '28'],
  },
  {
    name: 'never less than the least that may be bought',
    settings: { threshold: usd('48') },
    steps: [
      [30, '2.5'],
      [90, '1'],
      [90, '30'],
      [90, '3'],
    ],
    bought: ['5', '28.5', '5'],
  },
];

test.each(COURSES)(
  'what is replayed is what auto-reload really does: $name',
  async (course) => {
    const { bought, credits, balance, its } = await both(course.settings, course.steps);
    expect(credits).toEqual(bought);
    expect(bought).toEqual(course.bought.map(usd));
    expect(await reloads.world.available(its.payer.organizationId)).toBe(balance);
  },
  120_000,
);

test('the advice of an organization: its pace, its runway, a suggestion and two replays', async () => {
  const its = await reloads.reloader();
  const { pool } = reloads.world.db;
  const of = its.payer.organizationId;
  const advise = async (ask?: () => Setting) => {
    const told = await readAdvice(reloads.world.deps, of, ask);
    if (told.outcome !== 'advice') throw new Error(told.message);
    return told;
  };
  const empty = await advise();
  expect(empty.paces.map(({ runway }) => runway.state)).toEqual(['no_spending', 'no_spending']);
  expect([empty.suggestion, empty.asked, await runwayDays(pool, of)]).toEqual([
    undefined,
    undefined,
    null,
  ]);
  await give(pool, its.payer, usd('100'));
  await reloads.later('4 days');
  await its.spend('28');
  await reloads.later('4 days');
  await its.spend('14');
  const asked = { threshold: usd('5'), target: usd('20'), maxPerDay: 1, maxPerMonth: null };
  const advice = await advise(() => asked);
  const [week, recent] = advice.paces;
  expect([week?.pace.spent, recent?.pace.spent]).toEqual([usd('42'), usd('14')]);
  expect([week?.runway.state, recent?.runway.state]).toEqual(['lasts', 'lasts']);
  // Fifty-eight dollars at six a day.
  expect(await runwayDays(pool, of)).toBe(9);
  expect(advice.suggestion).toMatchObject({ threshold: usd('30'), target: usd('75') });
  expect(advice.present.setting).toMatchObject({ threshold: usd('10'), target: usd('50') });
  expect(advice.present.replay.reloads).toHaveLength(1);
  expect(advice.asked?.replay.reloads.length).toBe(2);
  const impossible = { ...asked, target: usd('5') };
  expect(await readAdvice(reloads.world.deps, of, () => impossible)).toMatchObject({
    ...{ outcome: 'invalid', field: 'target_usd' },
  });
});

test('a debt ends every runway, however much credit there is', async () => {
  const its = await reloads.reloader();
  const { pool, ownerPool } = reloads.world.db;
  const of = its.payer.organizationId;
  await give(pool, its.payer, usd('100'));
  await its.spend('1');
  expect(await runwayDays(pool, of)).toBeGreaterThan(90);
  await ownerPool.query({
    text: 'UPDATE ledger.books SET customer_debt_nanos = $2 WHERE organization_id = $1',
    values: [of, nanos(-1n)],
  });
  expect(await runwayDays(pool, of)).toBe(0);
});
