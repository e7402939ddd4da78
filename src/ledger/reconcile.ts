import type { Db, Pool } from '#db/pool';
import {
  BlockReading,
  CHARGES,
  CREDITS,
  type Piece,
  RECEIPTS,
  texts,
  type Violation,
} from '#ledger/blocks';
import * as checks from '#ledger/checks-sql';
import { type CheckResult, Findings, VIOLATIONS_MAX } from '#ledger/findings';
import * as receipts from '#ledger/receipts-sql';
import * as spans from '#ledger/spans-sql';
import { only } from '#ledger/sql';
import { drawSeed } from '#ledger/weights-sql';

export type VerificationMode = 'incremental' | 'full';

export interface Verification {
  readonly ok: boolean;
  readonly mode: VerificationMode;
  /** When it took its snapshot, by business time: what is written later it has not seen. */
  readonly beganAt: string;
  readonly entries: bigint;
  readonly checks: readonly CheckResult[];
}

export interface VerificationProgress {
  /** Entries read so far, and how many there are to read. */
  readonly read: bigint;
  readonly total: bigint;
}

export interface VerificationOptions {
  /**
   * `incremental`: what is stored now, and every entry since the last seal of each organization, so
   * its cost does not grow with the ledger. `full` (if absent): every entry from the first, the
   * chain of seals, every hold.
   */
  readonly mode?: VerificationMode;
  /** Readings side by side, each on a connection of the pool; 1 if absent. */
  readonly lanes?: number;
  readonly onProgress?: (progress: VerificationProgress) => void;
}

/**
 * Runs every rule of the ledger as queries against one snapshot of it. Changes nothing. The pool's
 * time limit bounds each statement: a tail that was never sealed is read by one.
 */
export function verifyLedger(pool: Pool, options: VerificationOptions = {}): Promise<Verification> {
  return pool.transaction(async (tx) => {
    await tx.query(checks.oneSnapshot);
    if (options.mode === 'incremental') return await verifySince(tx, options);
    return await verifyAll(pool, tx, options);
  });
}

/** The rules an incremental verification asks, in the snapshot of the caller's transaction. */
export async function verifySince(
  tx: Db,
  options: Pick<VerificationOptions, 'onProgress'> = {},
): Promise<Verification> {
  await tx.query(checks.readByKey);
  const findings = new Findings();
  const begun = await readTail(tx, findings);
  findings.add(CHARGES, await violations(tx, spans.chargesOf(spans.TAIL, VIOLATIONS_MAX)));
  findings.add(CREDITS, await violations(tx, spans.creditsOf(spans.TAIL, VIOLATIONS_MAX)));
  findings.add(RECEIPTS, await violations(tx, receipts.receiptsOfTail(VIOLATIONS_MAX)));
  const { since } = only(await tx.query<{ since: string }>(receipts.unverifiedSince));
  findings.add(RECEIPTS, await violations(tx, receipts.receiptsSince(since, VIOLATIONS_MAX)));
  options.onProgress?.({ read: begun.unsealed, total: begun.unsealed });
  return verification('incremental', begun, findings);
}

async function verifyAll(
  pool: Pool,
  tx: Db,
  { lanes = 1, onProgress }: VerificationOptions,
): Promise<Verification> {
  await tx.query(checks.readByKey);
  const findings = new Findings();
  const begun = await readTail(tx, findings);
  const { entries: total, unsealed } = begun;
  for (const check of checks.FULL_CHECKS) {
    findings.add(check.name, await violations(tx, check.statement(VIOLATIONS_MAX)));
  }
  const { seed } = only(await tx.query<{ seed: bigint }>(drawSeed));
  const reading = new BlockReading(findings, seed);
  let read = unsealed;
  onProgress?.({ read, total });
  await sideBySide(pool, tx, lanes, await reading.pieces(tx), (entries) => {
    read += entries;
    onProgress?.({ read, total });
  });
  await reading.compare(tx);
  return verification('full', begun, findings);
}

interface Begun {
  readonly beganAt: string;
  readonly entries: bigint;
  readonly unsealed: bigint;
}

/** Rules about what is stored, and about entries that are not sealed. */
async function readTail(tx: Db, findings: Findings): Promise<Begun> {
  const counted = only(await tx.query<Begun>(spans.countTail));
  for (const check of spans.SPAN_CHECKS) {
    const statement = check.statement(spans.TAIL, VIOLATIONS_MAX);
    findings.add(check.name, await violations(tx, statement));
  }
  for (const check of checks.STATE_CHECKS) {
    findings.add(check.name, await violations(tx, check.statement(VIOLATIONS_MAX)));
  }
  return counted;
}

/** Shares the pieces among `lanes` connections that all see what the first one sees. */
async function sideBySide(
  pool: Pool,
  first: Db,
  lanes: number,
  pieces: readonly Piece[],
  onRead: (entries: bigint) => void,
): Promise<void> {
  const waiting = pieces.values();
  const work = async (lane: Db): Promise<void> => {
    for (const piece of waiting) onRead(await piece(lane));
  };
  if (lanes === 1) return await work(first);
  const { snapshot } = only(await first.query<{ snapshot: string }>(checks.exportSnapshot));
  const others = Array.from({ length: lanes - 1 }, () =>
    pool.transaction(async (tx) => {
      await tx.query(checks.oneSnapshot);
      await tx.query(checks.useSnapshot(snapshot));
      await tx.query(checks.readByKey);
      await work(tx);
    }),
  );
  const ended = await Promise.allSettled([work(first), ...others]);
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
}

const violations = async (tx: Db, statement: Parameters<Db['query']>[0]): Promise<string[]> =>
  texts(await tx.query<Violation>(statement));

function verification(
  mode: VerificationMode,
  { beganAt, entries }: Begun,
  findings: Findings,
): Verification {
  const results = findings.results();
  return { ok: results.every((check) => check.ok), mode, beganAt, entries, checks: results };
}
