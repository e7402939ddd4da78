import { readdirSync, readFileSync } from 'node:fs';
import { ACTIONS, EXPECTATIONS } from './language.ts';
import { parseTopic, type Topic } from './story.ts';

const folder = new URL('.', import.meta.url);

export interface StoryFile extends Topic {
  readonly name: string;
  readonly text: string;
}

/** In the order in which a reader new to the subject wants them. */
const ORDER = [
  'buying',
  'burn-down',
  'expiry',
  'holds',
  'limits',
  'disputes',
  'giving-back',
  'crossing',
  'looking-back',
];

/** Every topic there is; one that nobody has put in order is an error, not forgotten. */
export function storyFiles(): StoryFile[] {
  const rank = (name: string): number => ORDER.indexOf(name.replace('.story.md', ''));
  const names = readdirSync(folder).filter((name) => name.endsWith('.story.md'));
  const unknown = names.find((name) => rank(name) === -1);
  if (unknown !== undefined) throw new Error(`${unknown} has no place in the order of page.ts`);
  return names
    .sort((a, b) => rank(a) - rank(b))
    .map((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8');
      return { name, text, ...parseTopic(name, text) };
    });
}

/** The page for people: all stories as they are run, and the words they are told in. */
export function moneyStories(files: readonly StoryFile[]): string {
  const count = files.reduce((total, file) => total + file.stories.length, 0);
  const index = files.map((file) => `- [${file.title}](#${anchor(file.title)}): ${listOf(file)}`);
  return [
    '# Money stories',
    '',
    `What happens to money, in ${count} short stories. Each of them is run against PostgreSQL by the tests,`,
    'row by row as it stands here, with the functions the product uses. Times are UTC; a row without a time',
    'is the moment after the one before. Amounts are exact to a billionth of a dollar. Where a row lists',
    'entries ("books …"), these are all it made. After each topic every invariant of the ledger is checked.',
    '',
    'Made from `test/stories/*.story.md` by `node test/stories/print.ts`.',
    '',
    ...index,
    '- [The words](#the-words)',
    '',
    ...files.map((file) => deeper(file.text)),
    ...words(),
  ].join('\n');
}

const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 ]/g, '')
    .replaceAll(' ', '-');

const listOf = (file: StoryFile): string =>
  file.stories
    .map((story) => story.title.charAt(0).toLowerCase() + story.title.slice(1))
    .join('; ');

/** A topic below the page's own title. */
const deeper = (text: string): string => text.replaceAll(/^(#+ )/gm, '#$1');

function words(): string[] {
  return [
    '## The words',
    '',
    'A story is written in these sentences and no others. `<…>` stands for a name or a value, `[…]` may be',
    'left out.',
    '',
    '| who | does | which means |',
    '|---|---|---|',
    ...Object.values(ACTIONS).map(({ who, form, means }) => `| ${who} | \`${form}\` | ${means} |`),
    '',
    '| expect | which means |',
    '|---|---|',
    ...Object.values(EXPECTATIONS).map(({ form, means }) => `| \`${form}\` | ${means} |`),
    '',
  ];
}
