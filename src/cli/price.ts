import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { foundUnder, importBook, listBooks, putInForce, readBook } from '#catalog/books';
import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import { addMarginVerb } from '#cli/price-margin';
import { addShowVerbs } from '#cli/price-show';
import type { Verbs } from '#cli/verbs';
import type { PriceBook } from '#pricing/book';
import { type BookChange, diffBooks } from '#pricing/book-diff';
import { exportCsv, exportYaml } from '#pricing/book-export';
import { parseBookFile } from '#pricing/book-file';

async function importFile(
  system: System,
  path: string,
  options: { dryRun?: boolean },
): Promise<Answer> {
  const text = await readFile(path, 'utf8').catch((error: Error) => error);
  if (text instanceof Error) {
    return failed('file_not_readable', `${path} cannot be read: ${text.message}`);
  }
  const parsed = parseBookFile(basename(path), text);
  if (parsed.outcome === 'invalid') {
    const problems = parsed.problems.map((problem) => `  ${problem}`).join('\n');
    return failed('price_book_invalid', `${path} is refused; nothing changed:\n${problems}`);
  }
  const { book } = parsed;
  const { prices, now } = await system.latestPrices();
  const changes = diffBooks(prices.book, book, now);
  const dryRun = options.dryRun === true;
  if (!(await keep(system, book, dryRun))) {
    const message =
      `There is another price book ${book.version}, and a version is one content for ever: ` +
      'give the file a new version.';
    return failed('version_taken', message);
  }
  const same = book.version === prices.book.version;
  const json = {
    version: book.version,
    replaces: same ? null : prices.book.version,
    in_force: same || !dryRun,
    changes: changes.map(changeJson),
  };
  const head = importText(book.version, same ? undefined : prices.book.version, dryRun);
  const lines = changes.map((change) => `  ${change.kind}: ${change.text}`);
  return done(json, [head, ...(lines.length === 0 ? ['no price differs'] : lines)].join('\n'));
}

/** False if another book has this version. */
async function keep(system: System, book: PriceBook, dryRun: boolean): Promise<boolean> {
  if (dryRun) return (await foundUnder(system.pool, book)) !== 'other';
  const recorded = await importBook(system.pool, { book, source: 'import', by: OPERATOR });
  return recorded.outcome !== 'version_taken';
}

function importText(version: string, replaced: string | undefined, dryRun: boolean): string {
  if (replaced === undefined) return `${version} is in force already`;
  if (dryRun) return `${version} would replace ${replaced}; nothing changed`;
  return `${version} is in force, in place of ${replaced}`;
}

const changeJson = (change: BookChange) => ({
  kind: change.kind,
  model: change.model,
  from: change.from?.toISOString() ?? null,
  until: change.until?.toISOString() ?? null,
  fields: change.fields,
  text: change.text,
});

async function exportFile(
  system: System,
  named: string | undefined,
  options: { format: string },
): Promise<Answer> {
  const book =
    named === undefined
      ? (await system.latestPrices()).prices.book
      : await readBook(system.pool, named);
  if (book === undefined) return unknownVersion(`${named}`);
  const text = options.format === 'csv' ? exportCsv(book) : exportYaml(book);
  return done({ version: book.version, format: options.format, text }, text.trimEnd());
}

const unknownVersion = (version: string): Answer =>
  failed('unknown_version', `There is no price book ${version}; bursar price versions lists them.`);

function format(text: string): string {
  if (text !== 'yaml' && text !== 'csv') throw new InvalidArgumentError('Use yaml or csv.');
  return text;
}

async function versions(system: System): Promise<Answer> {
  const books = await listBooks(system.pool);
  const data = books.map((book) => ({
    version: book.version,
    in_force: book.inForce,
    source: book.source,
    recorded_at: book.recordedAt.toISOString(),
    recorded_by: book.recordedBy,
    digest: book.digest,
  }));
  const rows = data.map((b) => [
    ...[b.version, b.in_force ? 'in force' : '', b.source],
    ...[b.recorded_at, b.digest.slice(0, 12)],
  ]);
  return done({ data }, rows.length === 0 ? 'no price book was recorded yet' : table(rows));
}

async function use(system: System, version: string): Promise<Answer> {
  const outcome = await putInForce(system.pool, version, OPERATOR);
  if (outcome === 'unknown_version') {
    return unknownVersion(version);
  }
  const text = `${version} ${outcome === 'unchanged' ? 'was in force already' : 'is in force'}`;
  return done({ version, in_force: true }, text);
}

export function addPriceVerbs(verbs: Verbs): void {
  const { program, onSystem } = verbs;
  const price = program.command('price').description('the price book');
  addShowVerbs(verbs, price);
  price
    .command('import <file>')
    .description('put a price book (YAML, JSON or CSV) in force; says what changes')
    .option('--dry-run', 'only say what would change')
    .action(onSystem(importFile));
  price
    .command('export [version]')
    .description('a price book as a file: the one in force, or another version')
    .option('--format <format>', 'yaml or csv', format, 'yaml')
    .action(onSystem(exportFile));
  price
    .command('versions')
    .description('every price book that was ever recorded')
    .action(onSystem(versions));
  price
    .command('use <version>')
    .description('put a recorded price book in force again')
    .action(onSystem(use));
  addMarginVerb(verbs, price);
}
