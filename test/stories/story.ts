import { parseInstant } from './instant.ts';
import { type Action, type Expectation, readAction, readExpectation } from './language.ts';

export interface Row {
  /** Line in the file, for messages. */
  readonly line: number;
  readonly text: string;
  readonly at: Date;
  readonly action: Action;
  readonly expectations: readonly Expectation[];
}

export interface Story {
  readonly title: string;
  readonly line: number;
  readonly rows: readonly Row[];
}

/** One file of stories about one topic. */
export interface Topic {
  readonly title: string;
  readonly stories: readonly Story[];
}

const HEADER = '| when | who | does | expect |';
const RULE = '|---|---|---|---|';
/** A row without a time is the moment after the one before. */
const MOMENT_MS = 1;

/** Where a story cannot be understood, in the words "file:line why". */
export class StoryError extends Error {
  constructor(file: string, line: number, why: string) {
    super(`${file}:${line} ${why}`);
  }
}

/**
 * Reads a topic strictly: `# topic`, a sentence, then for each story `## title`, a sentence and one
 * table. Throws a StoryError for anything else: a story that is read wrongly proves nothing.
 */
export function parseTopic(file: string, text: string): Topic {
  const lines = text.split('\n').map((line, index) => ({ line: index + 1, text: line.trimEnd() }));
  const told = lines.filter((one) => one.text !== '');
  const fail = (line: number, why: string): never => {
    throw new StoryError(file, line, why);
  };
  const [head, intro, ...rest] = told;
  if (head === undefined || !head.text.startsWith('# ')) return fail(1, 'begin with "# topic"');
  if (intro === undefined || /^[#|]/.test(intro.text)) {
    return fail(head.line, 'say in a sentence what the topic is');
  }
  const stories: Story[] = [];
  const body = rest.slice(rest.findIndex((one) => one.text.startsWith('#')));
  for (let from = 0; from < body.length; ) {
    const start = body[from];
    if (start === undefined || !start.text.startsWith('## ')) {
      return fail(start?.line ?? head.line, 'a story begins with "## title"');
    }
    let to = from + 1;
    while (to < body.length && !body[to]?.text.startsWith('#')) to += 1;
    stories.push(parseStory(file, start, body.slice(from + 1, to)));
    from = to;
  }
  if (stories.length === 0) return fail(head.line, 'a topic has a story');
  const titles = stories.map((story) => story.title);
  const twin = stories.find((story, index) => titles.indexOf(story.title) !== index);
  if (twin !== undefined) return fail(twin.line, `"${twin.title}" is told twice`);
  return { title: head.text.slice(2), stories };
}

interface Line {
  readonly line: number;
  readonly text: string;
}

function parseStory(file: string, start: Line, body: readonly Line[]): Story {
  const fail = (line: number, why: string): never => {
    throw new StoryError(file, line, why);
  };
  const table = body.findIndex((one) => one.text.startsWith('|'));
  if (table < 1) return fail(start.line, 'a story has a sentence and then a table');
  const [header, rule, ...rows] = body.slice(table);
  if (header === undefined || header.text !== HEADER || rule?.text !== RULE) {
    return fail(header?.line ?? start.line, `the table begins with "${HEADER}" and "${RULE}"`);
  }
  const parsed: Row[] = [];
  for (const row of rows) parsed.push(parseRow(file, row, parsed.at(-1)?.at));
  if (parsed.length === 0) return fail(start.line, 'a story has rows');
  if (!parsed.some((row) => row.expectations.length > 0)) {
    return fail(start.line, 'a story that expects nothing proves nothing');
  }
  return { title: start.text.slice(3), line: start.line, rows: parsed };
}

function parseRow(file: string, { line, text }: Line, before: Date | undefined): Row {
  const fail = (why: string): never => {
    throw new StoryError(file, line, why);
  };
  const cells = /^\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$/.exec(text);
  if (cells === null) return fail('a row has four cells: when, who, does, expect');
  const [when = '', who = '', does = '', expect = ''] = cells.slice(1).map((cell) => cell.trim());
  const at = instantOf(when, before);
  if (at === undefined) return fail(`"${when}" is no time: write 1 Jan 2027 10:00`);
  if (before !== undefined && at <= before) return fail(`"${when}" is not after the row before`);
  const action = readAction(who, does);
  if ('error' in action) return fail(action.error);
  const expectations = (expect === '' ? [] : expect.split(', ')).map((part): Expectation => {
    const expectation = readExpectation(part);
    return 'error' in expectation ? fail(expectation.error) : expectation;
  });
  return { line, text, at, action, expectations };
}

function instantOf(when: string, before: Date | undefined): Date | undefined {
  if (when !== '') return parseInstant(when, before);
  return before === undefined ? undefined : new Date(before.getTime() + MOMENT_MS);
}
