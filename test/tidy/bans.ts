import { type Finding, isModule, isTest, matches, type Rule, type SourceFile } from './source.ts';

/** The rules and their plants name what they ban, so the text bans do not read them. */
const aboutTidy = /^test\/tidy\//;

function product(files: readonly SourceFile[]): SourceFile[] {
  return files.filter((file) => /^src\/.*\.tsx?$/.test(file.path) && !isTest(file.path));
}

function each(
  files: readonly SourceFile[],
  wanted: (path: string) => boolean,
  pattern: RegExp,
  advice: string,
): Finding[] {
  return files
    .filter((file) => !aboutTidy.test(file.path) && wanted(file.path))
    .flatMap((file) => matches(file, pattern, advice));
}

const timeAndChance =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bMath\.random\b|\brandom(?:Bytes|UUID|Int|Fill(?:Sync)?)\b|\bgetRandomValues\b/g;

/** Wall time and randomness are touched in src/system.ts; the database supervisor runs outside. */
export const clockHandedIn: Rule = (files) =>
  product(files)
    .filter(({ path }) => path !== 'src/system.ts' && !path.startsWith('src/db/embedded/'))
    .flatMap((file) =>
      matches(file, timeAndChance, 'take a Clock or an Entropy as an argument (src/system.ts)'),
    );

// Definitions that may read the clock of the database: business time, and real time for leases.
const clockFunctions =
  /create\s+(?:or\s+replace\s+)?function\s+bursar\.(?:now|now_under_lock|real_now|lease_\w+)\s*\([\s\S]*?(\$\w*\$)[\s\S]*?\1/gi;
const databaseClock =
  /(?<![.\w])(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\s*\(\s*\)|\bpg_catalog\.now\b|\bcurrent_(?:timestamp|date|time)\b|\blocal(?:timestamp|time)\b/gi;

/**
 * Business time in SQL comes from bursar.now(), which the test clock can move. The book-keeping of
 * migrations in src/db is exempt: it exists before that function does.
 */
export const sqlClock: Rule = (files) =>
  files
    .filter(({ path }) => isStatements(path) && !path.startsWith('src/db/'))
    .map((file) => ({ ...file, code: blank(file.code, clockFunctions) }))
    .flatMap((file) =>
      matches(
        file,
        databaseClock,
        'use bursar.now(); real time for leases only inside bursar.real_now or bursar.lease_*',
      ),
    );

const upperSql = /\b(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+[\w."]+\s+SET\s|DELETE\s+FROM\s)/;
const lowerSql =
  /^\s*(?:select\b[\s\S]*\bfrom\b|insert\s+into\s|update\s+[\w."]+\s+set\s|delete\s+from\s)/i;

/** A statement lives in the sql.ts of the folder that owns its table. */
export const statementsInSql: Rule = (files) =>
  product(files)
    .filter(({ path }) => !isStatements(path) && !path.startsWith('src/db/'))
    .flatMap((file) =>
      file.literals
        .filter(({ text }) => upperSql.test(text) || lowerSql.test(text))
        .map(({ text, line }) => ({
          path: file.path,
          line,
          advice: `"${text.trim().slice(0, 40)}": move the statement to sql.ts of its owner`,
        })),
    );

const entryChange =
  /\b(?:update|delete\s+from|truncate(?:\s+table)?)\s+(?:only\s+)?(?:\w+\.)?(?:ledger_)?entr(?:y|ies)\b|\bgrant\b[^;]*\b(?:update|delete|truncate)\b[^;]*\bon\b[^;]*\bentries\b/gi;

/** Entries are never changed: a correction is a new entry linked to what it corrects. */
export const entriesForever: Rule = (files) =>
  each(
    files,
    (path) => (isStatements(path) || path.startsWith('src/')) && !isTest(path),
    entryChange,
    'ledger entries are append-only; post a correction',
  );

/** Amounts are bigint; a number is only ever a count, and says so. */
export const moneyExact: Rule = (files) =>
  product(files)
    .filter(({ path }) => path !== 'src/kernel/money.ts')
    .flatMap((file) => {
      const lines = file.text.split('\n');
      const floats = matches(
        file,
        /\bparseFloat\b|\.toFixed\s*\(/g,
        'amounts are bigint nano-USD; format and parse in kernel/money.ts',
      );
      const numbers = matches(
        file,
        /(?<![.\w])Number\s*\(/g,
        'never on an amount; if it is a count, end the line with "// tidy: count, <what>"',
      ).filter(({ line }) => !(lines[line - 1] ?? '').includes('tidy: count'));
      return [...floats, ...numbers];
    });

/** The ledger knows accounts and reasons; what was sold and how it was asked for is not its own. */
export const ledgerWords: Rule = (files) =>
  product(files)
    .filter(({ path }) => path.startsWith('src/ledger/'))
    .flatMap((file) =>
      matches(
        file,
        /\b\w*(?:api_?key|(?:input|output|cache)_?tokens|card_?(?:number|brand)|status_?code)\w*\b/gi,
        'the ledger knows no tokens, keys, cards or HTTP; pass a reason or a reference',
      ),
    );

/** Every test runs: a promise that is skipped is not kept. */
export const testsRun: Rule = (files) =>
  each(
    files,
    (path) => isModule(path) && isTest(path),
    /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.(?:skip|only|todo|skipIf|runIf)\b|\b(?:xit|xtest|xdescribe|fit|fdescribe)\s*\(/g,
    'run it, fix it or delete it',
  );

/** Notes to a later self belong into an issue. They hide in comments, so the whole text is read. */
export const nothingLeftOver: Rule = (files) =>
  wholeText(files, /\b(?:TODO|FIXME)\b/g, 'finish it now or write an issue');

/** Where packages come from is the configuration of a machine, not of the project. */
export const noRegistryHosts: Rule = (files) =>
  wholeText(
    files,
    /\bregistry\.[a-z0-9-]+\.[a-z]{2,}\b|\b(?:npmjs|yarnpkg|npmmirror)\.(?:com|org)\b|\bpypi\.org\b|\bcrates\.io\b|\b(?:ghcr|docker|quay)\.io\b|\bdeb\.debian\.org\b/gi,
    'name the package, not the host it comes from',
  );

/** A path of one machine is wrong on every other one. */
export const noMachinePaths: Rule = (files) =>
  wholeText(
    files,
    /(?<![\w.:/\\*\]})>-])\/(?:work|home|root|tmp|Users|private|var\/folders)\/[\w.-]+/g,
    'ask for a temporary or relative folder instead',
  );

function wholeText(files: readonly SourceFile[], pattern: RegExp, advice: string): Finding[] {
  const texts = files.map((file) => ({ ...file, code: file.text }));
  return each(texts, () => true, pattern, advice);
}

function isStatements(path: string): boolean {
  return path.endsWith('.sql') || /^src\/.*(?:^|\/)(?:[\w-]+-)?sql\.ts$/.test(path);
}

function blank(text: string, pattern: RegExp): string {
  return text.replace(pattern, (part) => part.replace(/[^\n]/g, ' '));
}
