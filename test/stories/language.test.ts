import { expect, test } from 'vitest';
import { parseInstant } from './instant.ts';
import { ACTIONS, EXPECTATIONS, readAction, readExpectation } from './language.ts';
import { parseTopic } from './story.ts';

const HEAD = '# Topic\n\nWhat it is about.\n\n## Story\n\nWhat happens.\n';
const TABLE = '\n| when | who | does | expect |\n|---|---|---|---|\n';
const told = (...rows: string[]): string => `${HEAD}${TABLE}${rows.join('\n')}\n`;
const BUYS = '| 1 Jan 2027 10:00 | Acme | buys $5 as A | available $5, A has $5 |';

const error = (text: string): string => {
  try {
    parseTopic('x.story.md', text);
    return 'none';
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'not an error';
  }
};

test('a story is read as it is written', () => {
  const topic = parseTopic(
    'x.story.md',
    told(BUYS, '|  | Acme | looks | |', '| 10:01 | Acme | holds $2.50 for r1 | held $2.50 |'),
  );
  const rows = topic.stories[0]?.rows ?? [];
  expect(topic.title).toBe('Topic');
  expect(rows.map((row) => row.at.toISOString())).toEqual([
    '2027-01-01T10:00:00.000Z',
    '2027-01-01T10:00:00.001Z',
    '2027-01-01T10:01:00.000Z',
  ]);
  expect(rows.map((row) => row.action.name)).toEqual(['buys', 'looks', 'holds']);
  expect(rows[2]?.action.words.amount()).toBe(2_500_000_000n);
  expect(rows[0]?.expectations.map((one) => one.name)).toEqual(['available', 'has']);
});

test.each([
  [
    'a word nobody knows',
    '| 10:01 | Acme | steals $5 | |',
    '12 "steals $5" is nothing Acme can do',
  ],
  ['a stranger', '| 10:01 | Bob | looks | |', '12 nobody is called "Bob"'],
  ['somebody else', '| 10:01 | bank | buys $5 | |', '12 "buys $5" is done by Acme, not by bank'],
  [
    'an unknown expectation',
    '| 10:01 | Acme | looks | happy |',
    '12 "happy" is nothing that can be expected',
  ],
  ['an amount without its sign', '| 10:01 | Acme | holds 5 for r1 | |', '12 "holds 5 for r1" is'],
  ['a tenth decimal', '| 10:01 | Acme | holds $0.0000000001 for r1 | |', '12 "holds $0.00000'],
  ['words after the end', '| 10:01 | Acme | looks twice | |', '12 "looks twice" is nothing'],
  ['a day that does not exist', '| 30 Feb 2027 10:00 | Acme | looks | |', '12 "30 Feb 2027 10:00"'],
  ['time that stands still', '| 10:00 | Acme | looks | |', '12 "10:00" is not after'],
  ['a missing cell', '| 10:01 | Acme | looks |', '12 a row has four cells'],
])('%s is refused with its file and line', (_, row, why) => {
  expect(error(told(BUYS, row))).toContain(`x.story.md:${why}`);
});

test.each([
  ['no topic', 'Hello', '1 begin with "# topic"'],
  ['no sentence about the topic', '# T\n\n## S\n\nx.\n', '1 say in a sentence'],
  [
    'no sentence about the story',
    `# T\n\nx.\n\n## S\n${TABLE}${BUYS}\n`,
    '5 a story has a sentence',
  ],
  ['another table', `${HEAD}\n| who | does |\n|---|---|\n`, '9 the table begins with'],
  ['no rows', `${HEAD}${TABLE}`, '5 a story has rows'],
  [
    'nothing expected',
    told('| 1 Jan 2027 10:00 | Acme | looks | |'),
    '5 a story that expects nothing',
  ],
  [
    'a story told twice',
    `${told(BUYS)}\n## Story\n\nAgain.\n${TABLE}${BUYS}\n`,
    '13 "Story" is told',
  ],
  ['no story', '# T\n\nx.\n', '1 a topic has a story'],
  ['no first time', told('| 10:00 | Acme | looks | held $0 |'), '11 "10:00" is no time'],
])('%s is refused', (_, text, why) => {
  expect(error(text)).toContain(`x.story.md:${why}`);
});

test('times are exact, and in UTC', () => {
  const before = new Date('2027-01-01T10:00:00Z');
  expect(parseInstant('29 Feb 2028', undefined)?.toISOString()).toBe('2028-02-29T00:00:00.000Z');
  expect(parseInstant('10:00:00.5', before)).toBeUndefined();
  expect(parseInstant('09:59:59.999', before)?.toISOString()).toBe('2027-01-01T09:59:59.999Z');
  expect(parseInstant('25:00', before)).toBeUndefined();
  expect(parseInstant('1 Jänner 2027', before)).toBeUndefined();
});

test('no sentence can be read as two', () => {
  const examples = new Map([
    ['amount', '$1'],
    ['tax', '$1'],
    ['part', 'all'],
    ['instant', '1 Jan 2027 10:00'],
    ['kind', 'promotional'],
    ['key', 'key K1'],
    ['workspace', 'workspace W1'],
    ['subject', 'the organization'],
    ['only', 'notify only'],
    ['twice', 'twice at once'],
    ['reason', 'usage.settle'],
    ['account', 'revenue'],
    ['outcome', 'in debt'],
  ]);
  const example = (form: string): string =>
    form
      .replaceAll(/[[\]]/g, '')
      .replaceAll(/<(\w+)>/g, (_, slot: string) => examples.get(slot) ?? 'x1');
  for (const [name, { who, form }] of Object.entries(ACTIONS)) {
    expect(readAction(who, example(form))).toMatchObject({ name });
  }
  for (const [name, { form }] of Object.entries(EXPECTATIONS)) {
    expect(readExpectation(example(form))).toMatchObject({ name });
  }
});
