import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyLedger } from '#ledger/reconcile';
import { act } from './acting.ts';
import { differences, entriesAfter } from './checking.ts';
import { storyFiles } from './page.ts';
import { parseTopic, type Story } from './story.ts';
import { type StoryDatabase, StoryWorld, storyDatabase } from './world.ts';

let database: StoryDatabase;
/** The latest instant any story has reached: what the books are verified at. */
let latest = new Date(0);

beforeAll(async () => {
  database = await storyDatabase();
});
afterAll(() => database.close());

async function tell(file: string, story: Story): Promise<string[]> {
  const world = await StoryWorld.open(database);
  let seen = 0n;
  for (const row of story.rows) {
    await database.setClock(row.at);
    if (row.at > latest) latest = row.at;
    const found = await act(world, row)
      .then(async (done) => {
        const { booked, last } = await entriesAfter(world, seen);
        seen = last;
        return differences(world, row, done, booked);
      })
      .catch((error: unknown) => [String(error)]);
    // What follows a row that went wrong says nothing more.
    if (found.length > 0) return [`${file}:${row.line} ${row.text}`, ...found];
  }
  return [];
}

describe.each(storyFiles())('$title', ({ name, stories }) => {
  test.each(stories)('$title', async (story) => {
    expect(await tell(name, story)).toEqual([]);
  });

  test('and the books of these stories are in order', async () => {
    await database.setClock(latest);
    const { checks } = await verifyLedger(database.db.pool, { mode: 'full' });
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });
});

describe('a story that is not true', () => {
  const wrong = [
    'available $4',
    'available $1 as of 10:00',
    'available $1 as known at 10:00',
    'held $1',
    'frozen $1',
    'debt $1',
    'A has $4',
    'A expires 1 Jan 2028 10:01',
    'A pays $1',
    'charged $1',
    'late',
    'clearing $1 in all',
    'refused because in debt',
    'answer already issued',
    'books credit.purchase $5',
  ];
  const told = (...rows: string[]) => [
    '# T',
    'About.',
    '## S',
    'So.',
    '| when | who | does | expect |',
    '|---|---|---|---|',
    ...rows,
  ];
  const run = async (...rows: string[]): Promise<string[]> => {
    const [story] = parseTopic('x.story.md', told(...rows).join('\n')).stories;
    return story === undefined ? [] : tell('x.story.md', story);
  };

  test('is refused in every word that is not true', async () => {
    const row = `| 1 Jan 2027 10:00 | Acme | buys $5 as A | ${wrong.join(', ')} |`;
    const [where, ...found] = await run(row);
    expect(where).toBe(`x.story.md:7 ${row}`);
    expect(found).toHaveLength(wrong.length);
  });

  test('is refused if it does not say that something was refused', async () => {
    const row = '| 1 Jan 2027 10:00 | Acme | holds $5 for r1 | held $0 |';
    expect(await run(row)).toEqual([`x.story.md:7 ${row}`, 'it was not done: insufficient credit']);
  });

  test('is refused if it speaks of what it has not named', async () => {
    const row = '| 1 Jan 2027 10:00 | upstream | r1 used $5 | charged $5 |';
    expect(await run(row)).toEqual([`x.story.md:7 ${row}`, 'Error: nobody is called "r1" yet']);
  });
});
