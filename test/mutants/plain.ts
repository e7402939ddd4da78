import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/admission.db.test.ts',
  'src/charging/charging.db.test.ts',
  'src/charging/extend.db.test.ts',
  'src/charging/plain.db.test.ts',
  'src/charging/settlement.db.test.ts',
  'src/charging/limits.db.test.ts',
  'src/ledger/grants.db.test.ts',
  'src/ledger/ledger.db.test.ts',
];

const ROOM = 'amount_nanos - charged_nanos - held_nanos END AS room';
const BALANCE = 'rests[i] := rest; numbers[i] := number;';
const LEVELS = 'migrations/0030-tier-spend-cap.sql';

/** Requests that need no decision, of all organizations of a batch at once. */
export const PLAIN: readonly PlantedBug[] = [
  ...bugsIn({ file: 'migrations/0018-hot-path.sql', simulated: true, tests: TESTS }, [
    {
      id: 'book-not-locked',
      bug: 'The books are read without being locked.',
      find: 'ORDER BY organization_id FOR UPDATE) AS l;',
      replace: 'ORDER BY organization_id) AS l;',
    },
    {
      id: 'key-unknown-admitted-plainly',
      bug: 'A key that does not exist is taken for one that is admitted.',
      find: "k.outcome IS DISTINCT FROM 'admitted'",
      replace: "k.outcome <> 'admitted'",
    },
    {
      id: 'limit-not-asked-with-credit',
      bug: 'The plain path does not ask for limits.',
      find: 'bool_or(NOT l.current OR p_sums[1] >= l.room)',
      replace: 'bool_or(NOT l.current)',
    },
    {
      id: 'limit-room-of-last-month',
      bug: 'The plain path counts in the month of a limit, though a new one has begun.',
      find: 'bool_or(NOT l.current OR p_sums[1] >= l.room)',
      replace: 'bool_or(p_sums[1] >= l.room)',
    },
    {
      id: 'limit-room-without-holds-plainly',
      bug: 'The plain path counts the room of a limit without what open holds have promised.',
      file: LEVELS,
      find: ROOM,
      replace: 'amount_nanos - charged_nanos END AS room',
    },
    {
      id: 'limit-counter-not-released',
      bug: 'A settlement counts what was charged and leaves what was held in the counter.',
      file: LEVELS,
      find: 'SET held_nanos = l.held_nanos - c.freed, charged_nanos',
      replace: 'SET charged_nanos',
    },
    {
      id: 'limit-charge-not-counted',
      bug: 'A settlement frees the counter and does not count what was charged.',
      file: LEVELS,
      find: 'charged_nanos = l.charged_nanos + c.charged,\n',
      replace: '\n',
    },
    {
      id: 'limit-hold-not-counted',
      bug: 'Open holds are not counted, so any number of them fits into a limit.',
      find: 'SET held_nanos = l.held_nanos + u.sum',
      replace: 'SET held_nanos = l.held_nanos',
    },
    {
      id: 'limit-counts-who-was-refused',
      bug: 'What an organization asked for is counted though it was not promised here.',
      find: 'SELECT CASE WHEN u.done IS NOT NULL THEN l.place END',
      replace: 'SELECT l.place',
    },
    {
      id: 'limit-by-month-of-settlement',
      bug: 'A request counts in the month in which it is settled.',
      file: LEVELS,
      find: 'x.key, orgs.month_of(x.placed) AS month',
      replace: 'x.key, orgs.month_of(p_now) AS month',
    },
    {
      id: 'limit-reached-when-passed',
      bug: 'A limit says that it was reached only once it is passed.',
      file: LEVELS,
      find: 'CASE WHEN l.charged_nanos + charged >= l.amount_nanos THEN p_now END)',
      replace: 'CASE WHEN l.charged_nanos + charged > l.amount_nanos THEN p_now END)',
    },
    {
      id: 'limit-of-a-workspace-counts-nothing',
      bug: 'What a key uses does not count for the limit of its workspace.',
      file: LEVELS,
      find: `ARRAY[p_organization, p_key, (
       SELECT workspace_id`,
      replace: `ARRAY[p_organization, p_key, (
       SELECT 'nobody'`,
    },
  ]),
  ...bugsIn({ file: 'migrations/0022-plain-requests.sql', simulated: true, tests: TESTS }, [
    {
      id: 'hold-by-the-time-before-the-lock',
      bug: 'Time is read when the statement began, not once the books are locked.',
      find: `now_at := bursar.now_under_lock();
  real_at := bursar.real_now();
  FOR k IN`,
      replace: `now_at := bursar.now();
  real_at := bursar.real_now();
  FOR k IN`,
    },
    {
      id: 'key-asked-before-the-lock',
      bug: 'The key is looked up before the books are locked, so a revocation may slip in between.',
      find: `  locked := ledger.lock_books(p_orgs);
  now_at := bursar.now_under_lock();
  real_at := bursar.real_now();
  FOR k IN 1 .. cardinality(p_orgs) LOOP
    sum := 0;
    FOR i IN a .. p_ends[k] LOOP
      sum := sum + CASE p_kinds[i] WHEN 'place' THEN p_amounts[i] END;
    END LOOP;
    sums[k] := sum;
    a := p_ends[k] + 1;
  END LOOP;
  IF cardinality(p_orgs) = 1 AND p_keys[1] = ALL (p_keys) THEN
    SELECT p_orgs AS orgs, p_keys[1:1] AS keys, sums INTO p;
  ELSE
    SELECT array_agg(x.org) AS orgs, array_agg(x.key) AS keys, array_agg(x.sum) AS sums INTO p
      FROM (SELECT u.org, u.key, pg_catalog.sum(u.amount)::bigint AS sum
              FROM unnest(of, p_keys, p_amounts) AS u (org, key, amount) GROUP BY 1, 2) AS x;
  END IF;
  d := orgs.admit_plainly(p.orgs, p.keys, p.sums, now_at);`,
      replace: `  FOR k IN 1 .. cardinality(p_orgs) LOOP
    sum := 0;
    FOR i IN a .. p_ends[k] LOOP
      sum := sum + CASE p_kinds[i] WHEN 'place' THEN p_amounts[i] END;
    END LOOP;
    sums[k] := sum;
    a := p_ends[k] + 1;
  END LOOP;
  SELECT array_agg(x.org) AS orgs, array_agg(x.key) AS keys, array_agg(x.sum) AS sums INTO p
    FROM (SELECT u.org, u.key, pg_catalog.sum(u.amount)::bigint AS sum
            FROM unnest(of, p_keys, p_amounts) AS u (org, key, amount) GROUP BY 1, 2) AS x;
  d := orgs.admit_plainly(p.orgs, p.keys, p.sums, bursar.now());
  locked := ledger.lock_books(p_orgs);
  now_at := bursar.now_under_lock();
  real_at := bursar.real_now();`,
    },
    {
      id: 'hold-quick-path-unchecked',
      bug: 'The plain path does not add up what it is asked for.',
      find: 'IF available[k] > 0 AND book',
      replace: 'IF book.live_nanos > book.held_nanos AND book',
    },
    {
      id: 'hold-of-nothing-beside-the-last',
      bug: 'The plain path lets a hold of nothing through beside one that takes the last credit.',
      find: 'IF available[k] > 0 AND book',
      replace: 'IF available[k] >= 0 AND book',
    },
    {
      id: 'hold-not-counted',
      bug: 'The plain path writes the holds and forgets to raise what is held.',
      find: 'UPDATE ledger.books AS b SET held_nanos = b.held_nanos + u.sum',
      replace: 'UPDATE ledger.books AS b SET held_nanos = b.held_nanos',
    },
    {
      id: 'hold-in-debt',
      bug: 'The plain path does not ask whether the customer owes something.',
      find: 'AND book.customer_debt_nanos = 0 AND book',
      replace: 'AND book',
    },
    {
      id: 'hold-plainly-at-the-instant-of-expiry',
      bug: 'The plain path promises credit at the very instant at which it expires.',
      find: 'AND p_now < book.live_until AND (known',
      replace: 'AND p_now <= book.live_until AND (known',
    },
    {
      id: 'hold-plainly-repeated',
      bug: 'The plain path does not look whether a hold was taken already.',
      find: 'AND (known IS NULL OR p_orgs[k] <> ALL (known)) THEN',
      replace: 'THEN',
    },
    {
      id: 'hold-told-the-balance-before',
      bug: 'A hold is told what was available before it was taken.',
      find: 'FROM (SELECT unnest(available) AS left_over,',
      replace:
        'FROM (SELECT unnest(ARRAY(SELECT x + y FROM unnest(available, sums) AS u (x, y))) AS left_over,',
    },
    {
      id: 'hold-plainly-for-everybody',
      bug: 'Beside organizations that are plain, the others are written down as well.',
      find: 'WHERE skipped IS NULL OR c.org <> ALL (skipped);',
      replace: ';',
    },
    {
      id: 'lease-by-business-time',
      bug: 'The lease is counted from business time, which a test clock or a date can move.',
      find: 'SELECT c.org, c.id, c.key, c.amount, p_now, p_real + p_lease',
      replace: 'SELECT c.org, c.id, c.key, c.amount, p_now, p_now + p_lease',
    },
    {
      id: 'plain-settlement-by-expired-credit',
      bug: 'The plain path takes from the first grant though it has expired meanwhile.',
      find: 'fits := book.stopped_nanos = 0 AND p_now < book.live_until;',
      replace: 'fits := book.stopped_nanos = 0;',
    },
    {
      id: 'plain-settlement-paid-first',
      bug: 'Of grants that expire together, the bought one is used up before the gift.',
      find: 'ORDER BY expires_at, paid, granted_at, id LIMIT 1) AS g',
      replace: 'ORDER BY expires_at, paid DESC, granted_at, id LIMIT 1) AS g',
    },
    {
      id: 'plain-settlement-of-the-lapsed',
      bug: 'The plain path does not look at the lease of a hold.',
      find: "state = 'open' AND lease_expires_at > p_real AS open",
      replace: "state = 'open' AS open",
    },
    {
      id: 'plain-settlement-again',
      bug: 'The plain path does not look whether the hold is still open.',
      find: "state = 'open' AND lease_expires_at > p_real AS open",
      replace: 'lease_expires_at > p_real AS open',
    },
    {
      id: 'plain-settlement-above-its-hold',
      bug: 'The plain path charges a cost above the hold without asking what is available.',
      find: 'AND c.charge BETWEEN 0 AND h.amount_nanos AS plain',
      replace: 'AND c.charge >= 0 AS plain',
    },
    {
      id: 'plain-settlement-forgets-losses',
      bug: 'The plain path does not note what the upstream did and nobody pays for.',
      find: 'h.open AND c.loss = 0 AND c.happened IS NULL',
      replace: 'h.open AND c.happened IS NULL',
    },
    {
      id: 'happened-when-it-was-booked',
      bug: 'A settlement from the journal is dated by when it is booked.',
      find: 'h.open AND c.loss = 0 AND c.happened IS NULL',
      replace: 'h.open AND c.loss = 0',
    },
    {
      id: 'plain-batch-by-its-last',
      bug: 'Of several settlements only the last decides whether all of them are plain.',
      find: 'fits := fits AND plain[i];',
      replace: 'fits := plain[i];',
    },
    {
      id: 'plain-settlement-by-an-empty-grant',
      bug: 'The plain path does not ask whether the grant that pays has enough.',
      find: 'IF fits AND rest >= 0 THEN',
      replace: 'IF fits THEN',
    },
    {
      id: 'plain-batch-one-balance',
      bug: 'Every entry of a batch says the balance as if it were the only one.',
      find: BALANCE,
      replace: 'rests[i] := remaining[k] - charges[i]; numbers[i] := number;',
    },
    {
      id: 'balance-before-the-entry',
      bug: 'An entry says the balance before it instead of the one after it.',
      find: BALANCE,
      replace: 'rests[i] := rest + charges[i]; numbers[i] := number;',
    },
    {
      id: 'void-uses-a-number',
      bug: 'A void without an entry uses up a transaction number.',
      find: `        number := number + 1;
      END IF;`,
      replace: `      END IF;
      number := number + 1;`,
    },
    {
      id: 'transaction-number-reused',
      bug: 'A batch of settlements counts as one transaction, so numbers are given out again.',
      find: 'next_transaction = b.next_transaction + u.lines',
      replace: 'next_transaction = b.next_transaction + least(u.lines, 1)',
    },
    {
      id: 'live-sum-not-lowered',
      bug: 'What was used is taken from the grant and not from the sum that admission reads.',
      find: 'live_nanos = b.live_nanos - u.spent, next_transaction',
      replace: 'next_transaction',
    },
    {
      id: 'late-is-not-late',
      bug: 'A settlement that comes before the sweeper is not late, though the lease has passed.',
      find: 'IF ledger.needs_more_than_held(p_org, p_ids, p_costs, p_real) THEN',
      replace: 'IF false THEN',
    },
  ]),
];
