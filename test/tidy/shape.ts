import { posix } from 'node:path';
import type { Finding, Rule } from './source.ts';

/** Hard stop for hand-written files; 60 to 250 lines is where a file tells one story. */
const linesMax = 400;
/** A README of invariants is read before a change, so it must be short enough to be read. */
const readmeLinesMax = 120;
const nounlessNames = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'shared',
  'lib',
  'misc',
  'types',
]);
const documentedZones = [
  'ledger',
  'pricing',
  'metering',
  'identity',
  'orgs',
  'payments',
  'invoicing',
  'charging',
  'rate-limits',
  'notices',
  'outgoing-webhooks',
  'spend-watch',
  'watching',
];
const handWritten = /\.(ts|tsx|mjs|js|css|sql)$/;
const coded = /^(src|web|sims|test|bench|migrations|bin|scripts)\//;

/** A function without a home is a noun that has not been named. */
export const namesSaySomething: Rule = (files) =>
  files.flatMap(({ path }) => {
    if (!coded.test(path)) return [];
    const bad = segments(path).find((segment) => nounlessNames.has(segment.toLowerCase()));
    const advice = `"${bad}" names nothing: name the file after the noun it is about`;
    return bad === undefined ? [] : [{ path, line: 1, advice }];
  });

/** Change in place behind a test; versions of the wire live in route paths. */
export const noVersionSuffixes: Rule = (files) =>
  files.flatMap((file) => {
    if (!coded.test(file.path)) return [];
    const advice = 'no version in a name: change it in place, or build beside it and delete this';
    const inPath = segments(file.path).some((segment) => /(?:^|[-_.a-z])[vV]\d+$/.test(segment));
    const inNames = file.names.filter(({ text }) => /(?:[a-z]V|_v)\d+$/.test(text));
    return [
      ...(inPath ? [{ path: file.path, line: 1, advice }] : []),
      ...inNames.map(({ text, line }) => ({ path: file.path, line, advice: `${text}: ${advice}` })),
    ];
  });

export const filesShort: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    if (!coded.test(path) || !handWritten.test(path) || lines <= linesMax) return [];
    const advice = `${lines} lines, at most ${linesMax}: find the second story in it and move it`;
    return [{ path, line: linesMax + 1, advice }];
  });

/** Import the file that owns the name. */
export const noBarrels: Rule = (files) =>
  files.flatMap((file) => {
    const { reexports, statements } = file.passedOn;
    const isIndex = /(^|\/)index\.(ts|tsx|mjs|js)$/.test(file.path);
    const passesOnEverything = /\bexport\s*\*\s*from\b/.test(file.code) && reexports > 0;
    const barrel = passesOnEverything || (reexports > 0 && (isIndex || reexports * 2 > statements));
    const advice = 'a barrel hides who owns a name and makes cycles: import the owning file';
    return barrel ? [{ path: file.path, line: 1, advice }] : [];
  });

/** A domain opens with what is always true in it. */
export const domainsExplained: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  const findings: Finding[] = [];
  for (const zone of documentedZones) {
    const folder = posix.join('src', zone);
    const path = posix.join(folder, 'README.md');
    if (!files.some((file) => file.path.startsWith(`${folder}/`)) || paths.has(path)) continue;
    const advice = 'write the nouns, what it owns, what it does not own and what is always true';
    findings.push({ path, line: 1, advice });
  }
  for (const { path, text } of files) {
    const lines = text.split('\n').length;
    if (!/^src\/[\w-]+\/README\.md$/.test(path) || lines <= readmeLinesMax + 1) continue;
    const advice = `${lines} lines, at most ${readmeLinesMax}: keep the invariants`;
    findings.push({ path, line: readmeLinesMax, advice });
  }
  return findings;
};

/** Migrations are numbered without gaps or twins, and open with their reason. */
export const migrationsTold: Rule = (files) => {
  const migrations = files.filter(({ path }) => /^migrations\/[^/]+\.sql$/.test(path));
  const seen = new Set<string>();
  return migrations.flatMap(({ path, text }) => {
    const [, number] = /^migrations\/(\d{4})-[a-z0-9-]+\.sql$/.exec(path) ?? [];
    const findings: Finding[] = [];
    const report = (advice: string): void => void findings.push({ path, line: 1, advice });
    if (number === undefined) report('name it NNNN-what-it-does.sql');
    else if (seen.has(number)) report(`number ${number} is taken: take the next one`);
    seen.add(number ?? '');
    if (!/^\s*--\s*\S/.test(text)) report('open with a comment that says why it is needed');
    return findings;
  });
};

const decisionParts = [
  'Context',
  'Decision',
  'Consequences',
  'Alternatives',
  'How we would leave it',
  'Check',
];

/** A record is numbered, one page, and answers the same six questions. */
export const decisionsComplete: Rule = (files) => {
  const records = files.filter(({ path }) => /^docs\/decisions\/.+\.md$/.test(path));
  const numbers = records.map(({ path }) => /\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]);
  return records.flatMap(({ path, text }, index) => {
    const missing = decisionParts.filter((part) => !text.includes(`**${part}.**`));
    const number = numbers[index];
    const findings: Finding[] = [];
    const report = (advice: string): void => void findings.push({ path, line: 1, advice });
    if (number === undefined) report('name it NNNN-title.md');
    else if (numbers.indexOf(number) !== index) report(`number ${number} is taken`);
    if (missing.length > 0) report(`say also: ${missing.join(', ')}`);
    if (text.split('\n').length > 60) report('one page: 60 lines at most');
    return findings;
  });
};

/** Each runtime dependency is a decision: what it gives and how we would leave it. */
export const dependenciesDecided: Rule = (files) => {
  const manifest = files.find(({ path }) => path === 'package.json');
  if (manifest === undefined) return [];
  const told = files
    .filter(({ path }) => path.startsWith('docs/decisions/'))
    .map(({ text }) => text)
    .join('\n');
  const advice = 'write a record in docs/decisions that names it in backticks';
  return runtimeDependencies(manifest.text)
    .filter((name) => !told.includes(`\`${name}\``))
    .map((name) => ({ path: 'package.json', line: 1, advice: `${name}: ${advice}` }));
};

function runtimeDependencies(manifest: string): string[] {
  const parsed: unknown = JSON.parse(manifest);
  if (typeof parsed !== 'object' || parsed === null) return [];
  return ['dependencies', 'optionalDependencies'].flatMap((kind) => {
    const listed: unknown = Reflect.get(parsed, kind);
    return typeof listed === 'object' && listed !== null ? Object.keys(listed) : [];
  });
}

/** Folder names and the file name up to its first dot: `a/b-c.test.ts` → a, b-c. */
function segments(path: string): string[] {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  return [...folders, file.split('.')[0] ?? ''];
}
