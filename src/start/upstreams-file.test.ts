import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { describeProblems, parseConfig } from '#src/config';
import { describeProblem, parseUpstreams, specOf } from '#src/start/upstreams-file';

const readFrom = (files: Readonly<Record<string, string>>) => (path: string) => files[path];
const parse = (text: string, files: Readonly<Record<string, string>> = {}) =>
  parseUpstreams('etc/upstreams.yaml', readFrom({ 'etc/upstreams.yaml': text, ...files }));

function specs(text: string, files?: Readonly<Record<string, string>>) {
  const parsed = parse(text, files);
  if (parsed.outcome === 'invalid') throw new Error(parsed.problems.map(describeProblem).join());
  return parsed.entries.map(specOf);
}

function problems(text: string, files?: Readonly<Record<string, string>>): string[] {
  const parsed = parse(text, files);
  return parsed.outcome === 'invalid' ? parsed.problems.map(describeProblem) : [];
}

const whole = `
upstreams:
  - name: primary
    url: https://api.example.com/
    key_file: primary.key
    weight: 3
    models: [claude-opus-*, claude-haiku-4-5]
    cost_factor: 0.85
  - name: spare
    url: http://127.0.0.1:8080/anthropic
    key: written-here
    weight: 0
`;

test('a list of upstreams, with keys in it or in files beside it', () => {
  expect(specs(whole, { 'etc/primary.key': 'from-a-file\n' })).toEqual([
    {
      name: 'primary',
      url: 'https://api.example.com',
      key: 'from-a-file',
      weight: 3,
      models: ['claude-opus-*', 'claude-haiku-4-5'],
      costShare: { numerator: 85n, denominator: 100n },
    },
    {
      name: 'spare',
      url: 'http://127.0.0.1:8080/anthropic',
      key: 'written-here',
      weight: 0,
      models: undefined,
      costShare: { numerator: 1n, denominator: 1n },
    },
  ]);
});

test('a key file elsewhere has an absolute path', () => {
  const text = 'upstreams: [{name: a, url: "https://a.example", key_file: /run/secrets/a}]';
  expect(specs(text, { '/run/secrets/a': 'k' })[0]?.key).toBe('k');
});

test('what is configured shows no key', () => {
  const parsed = parse(whole, { 'etc/primary.key': 'from-a-file' });
  const { entries } = parsed.outcome === 'valid' ? parsed : { entries: [] };
  for (const printed of [
    inspect(entries, { depth: 9 }),
    JSON.stringify(entries.map((e) => e.key)),
  ]) {
    expect(printed).not.toMatch(/from-a-file|written-here/);
  }
});

describe('every problem has its line and field, all in one answer', () => {
  test('a list with one mistake of each kind', () => {
    const text = `upstreams:
  - name: "two words"
    url: ftp://a.example
    key: with blanks
    weight: 1001
    models: []
    cost_factor: cheap
  - name: b
    url: https://b.example?x=1
    key: k
    key_file: b.key
    models: ["*x", ok]
  - name: b
    url: https://user:secret@c.example
    key_file: missing.key
    weigth: 3
  - just a text
  - name: d
    url: https://d.example
`;
    expect(problems(text)).toEqual([
      'line 2, upstreams[0].name: found "two words", expected up to 40 letters, digits, _ . -',
      'line 3, upstreams[0].url: found something else, expected a URL such as https://example.com',
      'line 4, upstreams[0].key: found a secret of 11 characters, expected a key without blanks',
      'line 5, upstreams[0].weight: found "1001", expected a whole number from 0 to 1000',
      'line 6, upstreams[0].models: found a list of 0, expected a list of models, or no such field',
      'line 7, upstreams[0].cost_factor: found "cheap", expected a factor such as 0.85',
      'line 9, upstreams[1].url: found something else, expected a URL such as https://example.com',
      'line 11, upstreams[1].key_file: found a key beside it, expected either key or key_file',
      'line 12, upstreams[1].models[0]: found "*x", expected the name of a model, or its beginning and a *',
      'line 16, upstreams[2].weigth: found an unknown field weigth, expected weight',
      'line 14, upstreams[2].url: found something else, expected a URL such as https://example.com',
      'line 15, upstreams[2].key_file: found nothing that can be read, expected the path of a file',
      'line 17, upstreams[3]: found a text, expected an upstream with a name, a url and a key',
      'line 18, upstreams[4].key: found nothing, expected a key without blanks',
      'line 13, upstreams[2].name: found "b", expected a name other than that of upstreams[1]',
    ]);
  });

  test.each([
    ['', 'the file: found nothing, expected a field upstreams with a list'],
    [
      'upstreams: []',
      'line 1, upstreams: found a list of 0, expected a list of 1 to 100 upstreams',
    ],
    ['upstream: []', 'line 1, upstream: found an unknown field upstream, expected upstreams'],
  ])('%j', (text, problem) => {
    expect(problems(text)).toContain(problem);
  });

  test.each([
    'upstreams: [{name: a, url: "https://a.example", key: *sk-secret}]',
    'upstreams: [{name: a, url: "https://a.example", key: "sk-secret]',
    'upstreams:\n  - name: a\n    key: sk-secret\n    key: sk-secret\n  sk-secret',
    'sk-secret: sk-secret\nsk-secret: sk-secret',
    'upstreams: [{sk-secret: 1, key_file: sk-secret, url: sk-secret}, sk-secret]',
    'sk-secret',
  ])('and never a word of what may be a key: %j', (text) => {
    const told = problems(text);
    expect(told).not.toEqual([]);
    expect(told.join()).not.toContain('sk-secret');
  });
});

test.each(['{"upstreams": [{"name": [', 'a: b: c: d', '%%%\n\t- x: ['])(
  'a file that is no YAML is told once for each line: %j',
  (text) => {
    const told = problems(text);
    expect(told.join('\n')).toContain('text that is no plain YAML');
    expect(new Set(told).size).toBe(told.length);
  },
);

describe('BURSAR_UPSTREAMS_FILE', () => {
  const configured = (environment: Record<string, string>, files: Record<string, string>) =>
    parseConfig(environment, (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    });

  test('is read with the environment, and the report has its problems beside the others', () => {
    const files = { 'up.yaml': 'upstreams:\n  - name: a\n    url: https://a.example\n' };
    const environment = { BURSAR_UPSTREAMS_FILE: 'up.yaml', BURSAR_ROLE: 'boss' };
    const outcome = configured(environment, files);
    const report = outcome.outcome === 'invalid' ? describeProblems(outcome.problems) : '';
    expect(report).toContain('2 problems');
    expect(report).toContain(
      'BURSAR_UPSTREAMS_FILE: found nothing (line 2, upstreams[0].key), expected a key without blanks',
    );
  });

  test('goes without BURSAR_UPSTREAM_URL, and has to be there', () => {
    const text = 'upstreams: [{name: a, url: "https://a.example", key: k}]';
    const alone = configured({ BURSAR_UPSTREAMS_FILE: 'up.yaml' }, { 'up.yaml': text });
    expect(alone.outcome === 'valid' && alone.config.upstreams?.entries[0]?.name).toBe('a');
    const both = { BURSAR_UPSTREAM_URL: 'https://b.example', BURSAR_UPSTREAM_KEY: 'k' };
    for (const environment of [both, {}]) {
      const outcome = configured(
        { ...environment, BURSAR_UPSTREAMS_FILE: 'up.yaml' },
        'BURSAR_UPSTREAM_URL' in environment ? { 'up.yaml': text } : {},
      );
      const found = outcome.outcome === 'invalid' ? outcome.problems : [];
      expect(found.map(({ variable }) => variable)).toEqual(['BURSAR_UPSTREAMS_FILE']);
    }
  });
});
