import type { Db } from '#db/pool';
import { rowsAreSound } from '#ledger/block-rows';
import * as sql from '#ledger/blocks-sql';
import { type Findings, VIOLATIONS_MAX } from '#ledger/findings';
import * as receipts from '#ledger/receipts-sql';
import * as spans from '#ledger/spans-sql';
import { SpendCount } from '#ledger/spend-count';
import { only } from '#ledger/sql';
import * as weights from '#ledger/weights-sql';

export const HASH_CHAIN = 'hash_chain_is_intact';
export const CHARGES = 'charges_are_entries';
export const CREDITS = 'every_grant_was_booked_once';
export const RECEIPTS = 'receipts_are_charges';
const LIMITS = 'spend_limits_count_holds';

/** A piece of work of bounded size; answers how many entries it read. */
export type Piece = (db: Db) => Promise<bigint>;

/** About 65,000 entries: a tenth of a second of work, and one tick of progress. */
const SEALS_PER_PIECE = 64;
/** 128 MB of the table. */
const PAGES_PER_PIECE = 16_384;

/**
 * The full reading of everything that is sealed, every hold and every receipt, in pieces that may
 * run side by side on one snapshot. When all have run, `compare` says whether they agree.
 */
export class BlockReading {
  readonly #findings: Findings;
  readonly #seed: bigint;
  /** Entries minus grants, by organization. */
  readonly #moved = new Map<string, bigint>();
  /** That minus holds and receipts; and receipts minus holds. See `weights-sql.ts`. */
  #difference = 0n;
  #receipts = 0n;
  #spend = new SpendCount({ organizations: [], months: [] });

  constructor(findings: Findings, seed: bigint) {
    this.#findings = findings;
    this.#seed = seed;
    for (const name of [HASH_CHAIN, CHARGES, CREDITS, RECEIPTS, LIMITS]) findings.add(name, []);
  }

  async pieces(db: Db): Promise<Piece[]> {
    const seed = this.#seed;
    const ends = await db.query<sql.BlockKey>(sql.pieceEnds(SEALS_PER_PIECE));
    const blocks = ends.map((to, index): Piece => {
      const from = ends[index - 1] ?? { organization: '', to: 0n };
      return (lane) => this.#readBlocks(lane, from, to);
    });
    const counted = only(await db.query<weights.CountedMonths>(weights.countedMonths));
    this.#spend = new SpendCount(counted);
    const holds = await this.#pagesOf(db, 'ledger.holds', async (lane, first) => {
      const statement = weights.holdSums(seed, counted, first, PAGES_PER_PIECE);
      for (const sums of await lane.query<weights.HoldSums>(statement)) {
        this.#difference -= BigInt(sums.moved);
        this.#receipts -= BigInt(sums.receipts);
        this.#spend.add(sums);
      }
    });
    const written = await this.#pagesOf(db, 'metering.requests', async (lane, first) => {
      const statement = weights.receiptSums(seed, first, PAGES_PER_PIECE);
      const sums = only(await lane.query<weights.Sums>(statement));
      this.#difference -= BigInt(sums.moved);
      this.#receipts += BigInt(sums.receipts);
    });
    const tail: Piece = (lane) => this.#weigh(lane, 1n, weights.tailSums(seed, spans.TAIL.text));
    const grants: Piece = (lane) => this.#weigh(lane, -1n, weights.grantSums(seed));
    return [tail, grants, ...holds, ...written, ...blocks];
  }

  async compare(db: Db): Promise<void> {
    this.#findings.add(LIMITS, texts(await db.query<Violation>(this.#spend.differences())));
    if (this.#difference === 0n && this.#receipts === 0n) return;
    // Only now it matters whose they are.
    const held = await sumsBy(db, weights.holdsByOrganization(this.#seed));
    const written = await sumsBy(db, weights.receiptsByOrganization(this.#seed));
    for (const organization of new Set([
      ...this.#moved.keys(),
      ...held.keys(),
      ...written.keys(),
    ])) {
      const hold = held.get(organization) ?? NONE;
      const receipt = written.get(organization) ?? NONE;
      const others = BigInt(hold.moved) + BigInt(receipt.moved);
      const differs = (this.#moved.get(organization) ?? 0n) !== others;
      if (differs) await this.#nameCharges(db, organization);
      if (differs || hold.receipts !== receipt.receipts) {
        const wrong = await db.query<Violation>(receipts.receiptsOf(organization, VIOLATIONS_MAX));
        this.#findings.add(RECEIPTS, texts(wrong));
      }
    }
  }

  async #nameCharges(db: Db, organization: string): Promise<void> {
    const whole = spans.wholeOf(organization);
    const charges = await db.query<Violation>(spans.chargesOf(whole, VIOLATIONS_MAX));
    const credits = await db.query<Violation>(spans.creditsOf(whole, VIOLATIONS_MAX));
    const unbooked = await db.query<Violation & { name: string }>(
      spans.unbookedOf(organization, VIOLATIONS_MAX),
    );
    this.#findings.add(CHARGES, texts(charges));
    this.#findings.add(CREDITS, texts(credits));
    for (const { name, violation } of unbooked) this.#findings.add(name, [violation]);
  }

  /** A table in pieces of its pages. */
  async #pagesOf(
    db: Db,
    table: Parameters<typeof weights.tablePages>[0],
    read: (lane: Db, first: number) => Promise<void>,
  ): Promise<Piece[]> {
    const { pages } = only(await db.query<{ pages: number }>(weights.tablePages(table)));
    return Array.from({ length: Math.ceil(pages / PAGES_PER_PIECE) }, (_, index): Piece => {
      return async (lane) => {
        await read(lane, index * PAGES_PER_PIECE);
        return 0n;
      };
    });
  }

  async #readBlocks(db: Db, from: sql.BlockKey, to: sql.BlockKey): Promise<bigint> {
    const screens = await db.query<sql.BlockScreen>(sql.screenBlocks(this.#seed, from, to));
    const numbers = screens.flatMap((block) => block.rows);
    const owners = screens.flatMap((block) => block.rows.map(() => block.organization_id));
    const rows = await db.query<sql.BlockRow>(sql.blockRows(owners, numbers));
    let entries = 0n;
    let next = 0;
    for (const block of screens) {
      const { organization_id: organization, to_transaction: last } = block;
      entries += block.entries;
      this.#count(organization, BigInt(block.moved));
      if (!block.intact) {
        const what = `transactions ${block.from_transaction} to ${last}`;
        this.#findings.add(HASH_CHAIN, [`${organization} ${what} are not what was sealed`]);
      }
      const begin = next;
      while (isIn(block, rows[next])) next += 1;
      const outline = { ...block, breaks: new Set(block.breaks.map(BigInt)) };
      if (!rowsAreSound(outline, rows.slice(begin, next))) {
        await this.#name(db, { organization, to: last });
      }
    }
    return entries;
  }

  /** Something in this block may be wrong; which rows are, the rules themselves say. */
  async #name(db: Db, block: sql.BlockKey): Promise<void> {
    const span = spans.blockSpan(block);
    let found = 0;
    for (const check of spans.SPAN_CHECKS) {
      const rows = await db.query<Violation>(check.statement(span, VIOLATIONS_MAX));
      this.#findings.add(check.name, texts(rows));
      found += rows.length;
    }
    if (found > 0) return;
    const { sound } = only(await db.query<{ sound: boolean }>(sql.sealedBalances(block)));
    if (sound) return;
    const where = `${block.organization} at transaction ${block.to}`;
    this.#findings.add(HASH_CHAIN, [`${where} sealed balances that its entries do not give`]);
  }

  async #weigh(db: Db, sign: bigint, statement: Parameters<Db['query']>[0]): Promise<bigint> {
    for (const sums of await db.query<weights.OrganizationSums>(statement)) {
      this.#count(sums.organization_id, sign * BigInt(sums.moved));
    }
    return 0n;
  }

  #count(organization: string, weight: bigint): void {
    this.#difference += weight;
    this.#moved.set(organization, (this.#moved.get(organization) ?? 0n) + weight);
  }
}

const NONE: weights.Sums = { moved: '0', receipts: '0' };

async function sumsBy(
  db: Db,
  statement: Parameters<Db['query']>[0],
): Promise<ReadonlyMap<string, weights.Sums>> {
  const rows = await db.query<weights.OrganizationSums>(statement);
  return new Map(rows.map((row) => [row.organization_id, row]));
}

const isIn = (block: sql.BlockScreen, row: sql.BlockRow | undefined): boolean =>
  row !== undefined &&
  row.organization_id === block.organization_id &&
  row.transaction_no <= block.to_transaction;

export interface Violation {
  readonly violation: string;
}

export const texts = (rows: readonly Violation[]): string[] => rows.map((row) => row.violation);
