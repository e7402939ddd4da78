import type { Pool } from '#db/pool';
import { type Verification, verifyLedger } from '#ledger/reconcile';
import { verifyAndSeal } from '#ledger/seals';
import { readSpendLimits, type SpendLimit } from '#orgs/spend-limits';
import { sumOf } from '#test/ledger-model';
import type { Simulation } from './simulation.ts';
import { type Books, plain, Violation } from './witness.ts';

type Row = Record<string, unknown>;

/** After everything healed: PostgreSQL and the model say the same, entry by entry. */
export async function verdict(sim: Simulation, pool: Pool): Promise<void> {
  for (const [id, books] of sim.witness.books) {
    books.ledger.now = sim.clock.business;
    books.ledger.real = sim.clock.real;
    await sameBooks(pool, id, books);
    conserved(id, books);
    sameLimits(id, books, await readSpendLimits(pool, id));
  }
  keptPromises(sim);
  // As every night does, and then as a Sunday does: what is sealed is read another way.
  inOrder(await verifyAndSeal(pool));
  inOrder(await verifyLedger(pool, { mode: 'full' }));
}

function inOrder({ mode, checks }: Verification): void {
  const broken = checks.filter((check) => !check.ok);
  if (broken.length === 0) return;
  const told = broken.map(({ name, violations }) => `${name}: ${violations.join(', ')}`);
  throw new Violation(`verify (${mode}): ${told.join('; ')}`);
}

/** What somebody was told is safe has been booked, and no file is left that says it is not. */
function keptPromises({ journaled, disk, witness }: Simulation): void {
  if (disk.names.length > 0) throw new Violation(`journals are left: ${disk.names.join(', ')}`);
  const settled = new Set(
    [...witness.books.values()]
      .flatMap(({ ledger }) => [...ledger.holds.values()])
      // Of one whose key was taken over, its customer pays for the other request.
      .filter(({ state }) => ['settled', 'settled_late', 'superseded'].includes(state))
      .map(({ id }) => id),
  );
  const lost = [...journaled].filter((id) => !settled.has(id));
  if (lost.length > 0) throw new Violation(`journaled and never settled: ${lost.join(', ')}`);
}

const grantOf = (account: string): string => account.replace(/^grant:/, '');

/** I1 to I5, I8, I10 to I12, I17 to I19: whatever is stored is what the model has. */
async function sameBooks(pool: Pool, id: string, books: Books): Promise<void> {
  const { ledger, grants } = books;
  const ask = (text: string): Promise<Row[]> => pool.query<Row>({ text, values: [id] });
  same(
    `entries of ${id}`,
    (
      await ask(`SELECT transaction_no AS transaction, reason, from_account AS "from",
                        to_account AS "to", amount_nanos AS amount, reference,
                        (extract(epoch FROM happened_at) * 1000)::float8 AS "happenedAt"
                   FROM ledger.entries WHERE organization_id = $1 ORDER BY transaction_no, line`)
    ).map((row) => ({ ...row, transaction: Number(row.transaction) })),
    ledger.entries,
  );
  same(
    `grants of ${id}`,
    await ask(`SELECT id, remaining_nanos AS remaining, voided_at IS NOT NULL AS voided,
                      stopped_at IS NOT NULL AS stopped
                 FROM ledger.grants WHERE organization_id = $1 ORDER BY id COLLATE "C"`),
    ledger.grants
      .map(({ id: grant, remaining, voided, stoppedAt }) => ({
        ...{ id: grant, remaining, voided, stopped: stoppedAt !== null },
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  same(
    `holds of ${id}`,
    await ask(`SELECT id, state, amount_nanos AS amount, coalesce(charged_nanos, 0) AS charged
                 FROM ledger.holds WHERE organization_id = $1 ORDER BY id COLLATE "C"`),
    [...ledger.holds.values()]
      .map(({ id: hold, state, amount, charged }) => ({ id: hold, state, amount, charged }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  same(
    `book of ${id}`,
    await ask(`SELECT held_nanos AS held, dispute_frozen_nanos AS frozen,
                      -customer_debt_nanos AS debt FROM ledger.books WHERE organization_id = $1`),
    [{ held: 0n, frozen: ledger.frozen, debt: ledger.debt }],
  );
  same(
    `disputes of ${id}`,
    await ask(`SELECT reference, state, amount_nanos AS amount, seized_nanos AS seized,
                      debt_nanos AS debt, breakage_nanos AS breakage, tax_nanos AS tax,
                      promised_nanos AS promised
                 FROM ledger.freezes WHERE organization_id = $1 ORDER BY reference COLLATE "C"`),
    [...grants.freezes]
      .map(([reference, { state, amount, taken }]) => ({ reference, state, amount, ...taken }))
      .sort((a, b) => (a.reference < b.reference ? -1 : 1)),
  );
  same(
    `refunds of ${id}`,
    await ask(`SELECT reference, state, amount_nanos AS amount, tax_nanos AS tax
                 FROM ledger.refunds WHERE organization_id = $1 ORDER BY reference COLLATE "C"`),
    [...grants.refunds]
      .map(([reference, { state, amount, tax }]) => ({ reference, state, amount, tax }))
      .sort((a, b) => (a.reference < b.reference ? -1 : 1)),
  );
  same(
    `usage of ${id}`,
    await ask(`SELECT request_id AS id, charged_nanos AS charged FROM metering.requests
                WHERE organization_id = $1 ORDER BY request_id COLLATE "C"`),
    [...ledger.holds.values()]
      .filter(({ state }) => !['open', 'expired', 'superseded'].includes(state))
      .map(({ id: hold, charged }) => ({ id: hold, charged }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
}

/** I2, I10, I24: nothing is lost, nothing is below zero, nothing is still open. */
function conserved(id: string, { ledger, grants }: Books): void {
  if (ledger.unbooked.length > 0) throw new Violation(`${id} has open holds after everything`);
  const of = (reason: string): bigint =>
    sumOf(ledger.entries.filter((e) => e.reason === reason).map((e) => e.amount));
  for (const grant of ledger.grants) {
    const moved = ledger.entries.filter((e) => [e.from, e.to].map(grantOf).includes(grant.id));
    const left = sumOf(moved.map((e) => (grantOf(e.to) === grant.id ? e.amount : -e.amount)));
    if (left !== grant.remaining || left < 0n) {
      throw new Violation(`grant ${grant.id} has ${grant.remaining}, its entries leave ${left}`);
    }
  }
  const refunding = sumOf(
    [...grants.refunds.values()]
      .filter(({ state }) => state === 'refunding')
      .map(({ amount, tax }) => amount + tax),
  );
  const cleared =
    of('refund.credit') +
    of('refund.tax') +
    of('refund.bounced') -
    of('refund.paid') -
    of('refund.returned') -
    of('refund.tax_returned');
  if (cleared !== refunding) throw new Violation(`${id}: ${cleared} in clearing, not ${refunding}`);
}

function same(what: string, actual: readonly unknown[], expected: readonly unknown[]): void {
  const count = Math.max(actual.length, expected.length);
  for (let i = 0; i < count; i++) {
    const [told, wanted] = [plain(actual[i]), plain(expected[i])];
    if (told !== wanted) {
      throw new Violation(`${what}, line ${i}: stored ${told}, the model has ${wanted}`);
    }
  }
}

/** I16: what a limit counts is what the holds of the month say. */
function sameLimits(id: string, { ledger }: Books, stored: readonly SpendLimit[]): void {
  const counted = ({ level, subjectId, amount, charged, held }: SpendLimit): string =>
    plain({ level, subjectId, amount, spent: charged + held });
  const expected = ledger.limits.map(({ level, subject: subjectId, amount, ...limit }) =>
    plain({
      level,
      subjectId,
      amount,
      spent: ledger.spent({ level, subject: subjectId, amount, ...limit }),
    }),
  );
  same(`limits of ${id}`, stored.map(counted).sort(), expected.sort());
}
