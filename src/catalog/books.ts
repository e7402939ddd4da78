import { createHash } from 'node:crypto';
import type { Db, Pool } from '#db/pool';
import { Fault } from '#kernel/assert';
import type { PriceBook } from '#pricing/book';
import { bookData, loadPriceBook } from '#pricing/book-data';
import * as sql from './sql.ts';

/** How a book came here. */
export type BookSource = 'bundled' | 'file' | 'import';

export interface RecordedBook {
  readonly version: string;
  readonly source: string;
  readonly digest: string;
  readonly recordedAt: Date;
  readonly recordedBy: string;
  readonly inForce: boolean;
}

export type Recorded =
  | { readonly outcome: 'recorded'; readonly inForce: boolean }
  /** The same content, word for word: nothing to do. */
  | { readonly outcome: 'unchanged'; readonly inForce: boolean }
  /** Another book has this version. */
  | { readonly outcome: 'version_taken'; readonly version: string };

export interface Recording {
  readonly book: PriceBook;
  readonly source: BookSource;
  readonly by: string;
}

/** Keeps a book under its version, and puts it in force. */
export async function importBook(pool: Pool, recording: Recording): Promise<Recorded> {
  return await pool.transaction((tx) => keep(tx, recording, 'prices.use', () => true));
}

/** What keeping a book would find under its version. */
export async function foundUnder(db: Db, book: PriceBook): Promise<'nothing' | 'same' | 'other'> {
  const [known] = await db.query<sql.BookRow>(sql.selectBook(book.version));
  if (known === undefined) return 'nothing';
  return known.digest.equals(canonicalForm(book).digest) ? 'same' : 'other';
}

/**
 * Keeps the book a process was started with, and puts it in force where that is meant: a file
 * replaces what another start put in force, a bundled book replaces an older bundled one when it is
 * new. What an operator put in force outlives restarts and new releases, and an older release that
 * starts beside a newer one changes nothing.
 */
export async function adoptBook(pool: Pool, recording: Recording): Promise<Recorded> {
  const { source } = recording;
  return await pool.transaction((tx) =>
    keep(tx, recording, 'prices.adopt', (current, isNew) => {
      if (current === undefined) return true;
      if (current.in_force_by === 'prices.use') return false;
      return source === 'file' || (isNew && current.source === 'bundled');
    }),
  );
}

async function keep(
  tx: Db,
  recording: Recording,
  kind: sql.UseKind,
  replaces: (current: sql.BookRow | undefined, isNew: boolean) => boolean,
): Promise<Recorded> {
  const { book, source, by } = recording;
  const { version } = book;
  const { canonical, digest } = canonicalForm(book);
  const epoch = await nextEpoch(tx);
  const [known] = await tx.query<sql.BookRow>(sql.selectBook(version));
  if (known !== undefined && !known.digest.equals(digest)) {
    return { outcome: 'version_taken', version };
  }
  const [current] = await tx.query<sql.BookRow>(sql.selectBookInForce);
  const isNew = known === undefined;
  if (isNew) await tx.query(sql.insertBook({ version, canonical, digest, source, by }));
  const outcome = isNew ? 'recorded' : 'unchanged';
  if (current?.version === version && (kind === 'prices.adopt' || current.in_force_by === kind)) {
    return { outcome, inForce: true };
  }
  const inForce = replaces(current, isNew);
  if (inForce) await tx.query(sql.insertUse(epoch, kind, version, by));
  return { outcome, inForce };
}

/** What is stored of a book, and what tells it from any other. */
export function canonicalForm(book: PriceBook): { canonical: string; digest: Buffer } {
  const canonical = JSON.stringify(bookData(book));
  return { canonical, digest: createHash('sha256').update(canonical).digest() };
}

/** Puts a recorded book in force again: the way back from an import that was a mistake. */
export async function putInForce(
  pool: Pool,
  version: string,
  by: string,
): Promise<'in_force' | 'unchanged' | 'unknown_version'> {
  return await pool.transaction(async (tx) => {
    const epoch = await nextEpoch(tx);
    const [known] = await tx.query<sql.BookRow>(sql.selectBook(version));
    if (known === undefined) return 'unknown_version';
    if (known.in_force_by === 'prices.use') return 'unchanged';
    await tx.query(sql.insertUse(epoch, 'prices.use', version, by));
    return 'in_force';
  });
}

/** Every version, the newest first. */
export async function listBooks(db: Db): Promise<RecordedBook[]> {
  const rows = await db.query<sql.BookRow>(sql.selectBooks);
  return rows.map((row) => ({
    version: row.version,
    source: row.source,
    digest: row.digest.toString('hex'),
    recordedAt: row.recorded_at,
    recordedBy: row.recorded_by,
    inForce: row.in_force_since !== null,
  }));
}

/** A book by its version, or the one in force. Undefined if there is none. */
export async function readBook(db: Db, version?: string): Promise<PriceBook | undefined> {
  const statement = version === undefined ? sql.selectBookInForce : sql.selectBook(version);
  const [row] = await db.query<sql.BookRow>(statement);
  return row === undefined ? undefined : loadRecorded(row);
}

export function loadRecorded(row: sql.BookRow): PriceBook {
  const loaded = loadPriceBook(row.book);
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Fault(`price book ${row.version} was recorded and cannot be read: ${loaded.problems}`);
}

export async function nextEpoch(tx: Db): Promise<bigint> {
  const [row] = await tx.query<{ epoch: bigint }>(sql.nextEpoch);
  if (row === undefined) throw new Fault('the database gave no epoch');
  return row.epoch;
}
