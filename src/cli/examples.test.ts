import { Command } from 'commander';
import { expect, test } from 'vitest';
import { done } from '#cli/answer';
import { EXAMPLES, IMPLIED, verbsOf } from '#cli/examples';
import { addVerbs, runCli } from '#cli/program';

const host = (stdout: (text: string) => void) => ({
  version: '0.0.0',
  openSystem: async () => ({ outcome: 'failed', code: 'not_running', message: 'no' }) as const,
  start: async () => 0,
  migrate: async () => done({}, ''),
  doctor: async () => done({}, ''),
  stdout,
  stderr: () => {},
});

const program = new Command('bursar');
addVerbs(
  {
    program,
    onSystem: () => async () => {},
    alone: () => async () => {},
    exitWith: () => {},
  },
  host(() => {}),
);
const verbs = verbsOf(program);

async function helpOf(words: string): Promise<string> {
  let shown = '';
  const keep = host((text) => {
    shown += text;
  });
  expect(await runCli([...words.split(' '), '--help'], keep)).toBe(0);
  return shown;
}

test('every verb has an example', () => {
  const missing = verbs.filter(([words]) => EXAMPLES[words] === undefined);
  expect(missing.map(([words]) => words)).toEqual([]);
});

test.each(verbs)('the help of %s ends in an example that the verb takes', async (words, verb) => {
  const shown = await helpOf(words);
  const example = EXAMPLES[words]?.example ?? '';
  expect(shown.trimEnd().endsWith(`Example:\n  ${example}`)).toBe(true);
  const called = IMPLIED.has(words) ? (words.split(' ')[0] ?? '') : words;
  expect(example).toContain(`bursar ${called}`);
  const given = example.match(/--[a-z-]+/g) ?? [];
  const known = verb.options.map(({ long }) => long);
  const global = ['--json'];
  for (const name of given) expect([...known, ...global]).toContain(name);
  for (const { long, mandatory } of verb.options) if (mandatory) expect(given).toContain(long);
});

test.each(verbs)('the help of %s names the units of what it takes', async (words, verb) => {
  const shown = await helpOf(words);
  const said = verb.options.map(({ flags }) => flags).join(' ');
  if (/<amount>/.test(said)) expect(shown).toContain('US dollars');
  if (/<time>|<when>/.test(said)) expect(shown).toContain('Times are RFC 3339');
  if (/per-minute/.test(said)) expect(shown).toContain('a minute');
});

test('the help of grant is complete: the options that give are in it', async () => {
  const shown = await helpOf('grant');
  for (const option of ['--org', '--usd', '--kind', '--expires', '--reason']) {
    expect(shown).toContain(option);
  }
  for (const told of ['void', 'US dollars', 'Example:\n  bursar grant --org']) {
    expect(shown).toContain(told);
  }
});
