import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = ['src/ledger/reconcile-sealed.db.test.ts', 'src/ledger/reconcile.db.test.ts'];
const MIGRATION = 'migrations/0019-every-charge-has-its-receipt.sql';
const PAST = ['src/ledger/as-of.db.test.ts', 'src/ledger/statement.db.test.ts'];

/** What would find a bug in the books, and what shows them: a check that sees nothing is a bug too. */
export const VERIFICATION: readonly PlantedBug[] = [
  ...bugsIn({ file: 'src/ledger/checks-sql.ts', simulated: false, tests: TESTS }, [
    {
      id: 'verify-overlooks-stored-balances',
      bug: 'A stored balance that is too high is overlooked.',
      find: 'WHERE coalesce(s.balance, 0) <> coalesce(r.balance, 0)`,',
      replace: 'WHERE coalesce(s.balance, 0) < coalesce(r.balance, 0)`,',
    },
    {
      id: 'verify-overlooks-clearing',
      bug: 'Money that is left in clearing is not noticed.',
      find: 'WHERE balance <> expected`,',
      replace: 'WHERE balance < expected AND balance > expected`,',
    },
    {
      id: 'verify-overlooks-held',
      bug: 'What is held is compared with itself.',
      find: 'WHERE coalesce(b.held_nanos, 0) <> coalesce(h.held, 0)`,',
      replace: 'WHERE coalesce(b.held_nanos, 0) <> coalesce(b.held_nanos, 0)`,',
    },
    {
      id: 'verify-overlooks-sums',
      bug: 'Only one of the sums in the book is compared with the grants.',
      find: '(b.live_nanos <> g.live OR b.stopped_nanos <> g.stopped OR b.live_until > g.until)`,',
      replace: '(b.stopped_nanos <> g.stopped)`,',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/spans-sql.ts', simulated: false, tests: TESTS }, [
    {
      id: 'verify-overlooks-a-gap',
      bug: 'One missing transaction is not taken for a gap.',
      find: 'WHERE transaction_no > before + 1\n',
      replace: 'WHERE transaction_no > before + 2\n',
    },
    {
      id: 'verify-overlooks-running-balances',
      bug: 'A running balance that is missing is not compared.',
      find: 'WHERE balance_nanos IS DISTINCT FROM replayed`,',
      replace: 'WHERE balance_nanos IS NULL AND replayed IS NOT NULL`,',
    },
    {
      id: 'verify-overlooks-charges',
      bug: 'A charge that differs from its hold is passed over.',
      find: 'WHERE h.charged_nanos IS DISTINCT FROM e.amount LIMIT',
      replace: 'WHERE h.charged_nanos IS NULL AND e.amount IS NULL LIMIT',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/blocks-sql.ts', simulated: false, tests: TESTS }, [
    {
      id: 'verify-does-not-compare-hashes',
      bug: 'The hash of a block is computed and not compared.',
      find: 'f.hash = s.hash AND f.entries = s.entries',
      replace: 'f.entries = s.entries',
    },
    {
      id: 'verify-quick-reading-too-quick',
      bug: 'A plain run of settlements is believed without its balances.',
      find: 'AND f.ends[n] <> f.starts[n + 1]) AS b`,',
      replace: 'AND false) AS b`,',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/blocks.ts', simulated: false, tests: TESTS }, [
    {
      id: 'verify-forgets-the-difference',
      bug: 'Fingerprints are added up and never looked at.',
      find: 'if (this.#difference === 0n && this.#receipts === 0n) return;',
      replace: 'if (this.#difference >= 0n || this.#difference < 0n) return;',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/seals.ts', simulated: false, tests: TESTS }, [
    {
      id: 'seal-over-a-broken-ledger',
      bug: 'Entries are sealed though a rule does not hold for them.',
      find: 'sealed: result.ok ? await sealLedger(tx, tick) : 0 };',
      replace: 'sealed: await sealLedger(tx, tick) };',
    },
  ]),
  ...bugsIn({ file: 'migrations/0014-ledger-seals.sql', simulated: false, tests: TESTS }, [
    {
      id: 'seal-without-the-amount',
      bug: 'The hash leaves the amounts out.',
      find: 'SELECT array_send(ARRAY[p_no, p_line, p_amount, p_from_balance, p_to_balance,',
      replace: 'SELECT array_send(ARRAY[p_no, p_line, p_from_balance, p_to_balance,',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/weights-sql.ts', simulated: false, tests: TESTS }, [
    {
      id: 'limits-recounted-by-settlement',
      bug: 'Limits are recounted without what open holds promise.',
      find: "sum(amount_nanos) FILTER (WHERE state = 'open')::text AS held,",
      replace: "sum(amount_nanos) FILTER (WHERE state = 'held')::text AS held,",
    },
  ]),
  ...bugsIn({ file: MIGRATION, simulated: false, tests: TESTS }, [
    {
      id: 'verify-overlooks-limits',
      bug: 'The counters of limits are not compared with the holds.',
      find: 'WHERE c.held <> coalesce(s.held, 0) OR c.charged <> coalesce(s.charged, 0)',
      replace: 'WHERE c.held < 0 AND c.charged < 0',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/as-of-sql.ts', simulated: false, tests: PAST }, [
    {
      id: 'past-balance-by-the-wrong-time',
      bug: 'A balance of the past always asks when things were recorded.',
      find: "by === 'effective' ? 'happened_at' : 'recorded_at';",
      replace: "by === 'effective' ? 'recorded_at' : 'recorded_at';",
    },
    {
      id: 'past-balance-knows-later-holds',
      bug: 'A balance of the past knows holds that came later.',
      find: 'AND h.placed_at <= instant.at\n',
      replace: '\n',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/export.ts', simulated: false, tests: PAST }, [
    {
      id: 'export-runs-formulas',
      bug: 'A cell that a spreadsheet would run is exported as it is.',
      find: 'WRITTEN_BY_OTHERS.has(name) ?',
      replace: 'WRITTEN_BY_OTHERS.size === 0 ?',
    },
    {
      id: 'export-loses-a-page',
      bug: 'An export ends after its first page.',
      find: 'for (let after = start.after; after < start.last; after += TRANSACTIONS_PER_PAGE) {',
      replace:
        'for (let after = start.after; after <= start.after; after += TRANSACTIONS_PER_PAGE) {',
    },
  ]),
];
