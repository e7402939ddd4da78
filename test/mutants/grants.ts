import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/admission.db.test.ts',
  'src/ledger/grants.db.test.ts',
  'src/ledger/ledger.db.test.ts',
  'src/ledger/breakage.db.test.ts',
];

/** How credit begins, what the book says of it, and how it ends by time. */
export const GRANTS: readonly PlantedBug[] = [
  ...bugsIn({ file: 'migrations/0010-ledger-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'freeze-does-not-stop',
      bug: 'A grant is usable until it expires, whatever stopped it before.',
      find: 'GENERATED ALWAYS AS (least(expires_at, stopped_at)) STORED;',
      replace: 'GENERATED ALWAYS AS (expires_at) STORED;',
    },
    {
      id: 'sums-at-the-instant',
      bug: 'At the very instant of its expiry a grant is counted as live.',
      find: 'SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > p_now), 0) AS live,',
      replace:
        'SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until >= p_now), 0) AS live,',
    },
    {
      id: 'sums-valid-for-too-long',
      bug: 'The sums of a book are taken to be valid until the last grant expires.',
      find: "coalesce(min(usable_until) FILTER (WHERE usable_until > p_now), 'infinity') AS until",
      replace:
        "coalesce(max(usable_until) FILTER (WHERE usable_until > p_now), 'infinity') AS until",
    },
    {
      id: 'shown-balance-at-the-instant',
      bug: 'At the very instant of its expiry the balance still shows the credit.',
      find: `  SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > p_now), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= p_now), 0)
    INTO live`,
      replace: `  SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until >= p_now), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE usable_until < p_now), 0)
    INTO live`,
    },
    {
      id: 'shown-balance-with-expired-credit',
      bug: 'The balance that is shown counts credit that has expired.',
      find: `  SELECT coalesce(sum(remaining_nanos) FILTER (WHERE usable_until > p_now), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= p_now), 0)
    INTO live`,
      replace: `  SELECT coalesce(sum(remaining_nanos), 0),
         coalesce(sum(remaining_nanos) FILTER (WHERE usable_until <= p_now), 0)
    INTO live`,
    },
  ]),
  ...bugsIn({ file: 'migrations/0015-settlements-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'sums-not-counted-after-posting',
      bug: 'After credit was booked the sums that admission reads stay what they were.',
      find: '  PERFORM ledger.count_grants(p_org, p_now);\n',
      replace: '',
    },
    {
      id: 'posting-takes-the-next-number',
      bug: 'A posting takes the number after the one that is its own.',
      find: 'RETURNING next_transaction - 1 INTO STRICT number;',
      replace: 'RETURNING next_transaction INTO STRICT number;',
    },
    {
      id: 'posting-adds-on-both-sides',
      bug: 'A posting raises the account it should take from.',
      find: 'after_from[i] := ledger.move(p_org, p_from[i], -p_amounts[i]);',
      replace: 'after_from[i] := ledger.move(p_org, p_from[i], p_amounts[i]);',
    },
    {
      id: 'posting-in-one-line',
      bug: 'All lines of a transaction have the same number.',
      find: 'ARRAY(SELECT generate_series(1, n)::smallint),',
      replace: 'ARRAY(SELECT 1::smallint FROM generate_series(1, n)),',
    },
  ]),
  ...bugsIn({ file: 'migrations/0013-grants-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'breakage-ignores-open-holds',
      bug: 'What has expired is booked at once, though open holds may still need it.',
      find: '              AND (first_hold IS NULL OR first_hold >= usable_until)\n',
      replace: '',
    },
    {
      id: 'breakage-waits-for-later-holds',
      bug: 'A hold placed at the instant of expiry keeps the breakage from being booked.',
      find: 'AND (first_hold IS NULL OR first_hold >= usable_until)',
      replace: 'AND (first_hold IS NULL OR first_hold > usable_until)',
    },
    {
      id: 'breakage-one-microsecond-early',
      bug: 'Credit becomes breakage before it has expired.',
      find: 'NOT exhausted AND usable_until <= p_now\n',
      replace: "NOT exhausted AND usable_until <= p_now + interval '1 microsecond'\n",
    },
    {
      id: 'breakage-happens-when-booked',
      bug: 'Breakage is dated by the run of the job and not by the expiry.',
      find: 'ARRAY[g.rest], ledger.broke_at(p_org, g.id, g.expires_at), p_now);',
      replace: 'ARRAY[g.rest], p_now, p_now);',
    },
    {
      id: 'breakage-before-it-was-there',
      bug: 'Credit that came back after its expiry becomes breakage as of before it came back.',
      find: 'ARRAY[g.rest], ledger.broke_at(p_org, g.id, g.expires_at), p_now);',
      replace: 'ARRAY[g.rest], g.expires_at, p_now);',
    },
    {
      id: 'breakage-job-without-the-lock',
      bug: 'The job books what has expired without taking the lock of the book.',
      find: `    PERFORM FROM ledger.books WHERE organization_id = o FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    IF ledger.book_stopped`,
      replace: '    IF ledger.book_stopped',
    },
    {
      id: 'breakage-of-a-frozen-grant',
      bug: 'What is left of a disputed grant that has expired is frozen for good.',
      find: 'ELSIF g.expires_at <= p_now THEN',
      replace: 'ELSIF g.expires_at <= p_now AND dispute IS NULL THEN',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/grants-sql.ts', simulated: true, tests: TESTS }, [
    {
      id: 'expiry-counts-from-booking',
      bug: 'A year of credit begins when the payment is booked and not when it was made.',
      find: 'FROM (SELECT coalesce($8, bursar.now()) AS at) AS happened',
      replace: 'FROM (SELECT coalesce(NULL, bursar.now()) AS at, $8::timestamptz) AS happened',
    },
    {
      id: 'grant-forgets-its-tax',
      bug: 'The tax of a purchase is not kept with its grant, so a refund returns none.',
      find: '    g.tax ?? 0n,\n',
      replace: '    0n,\n',
      tests: [...TESTS, 'src/ledger/refunds.db.test.ts'],
    },
    {
      id: 'grant-twice-for-one-payment',
      bug: 'A payment that is told again is not recognised by its source.',
      find: 'FROM ledger.grants g WHERE organization_id = $1 AND source = $2`,',
      replace: 'FROM ledger.grants g WHERE organization_id = $1 AND id = $2`,',
    },
  ]),
  ...bugsIn({ file: 'src/ledger/grants.ts', simulated: true, tests: TESTS }, [
    {
      id: 'debt-not-repaid',
      bug: 'A purchase leaves the debt as it is.',
      find: "kind === 'purchase' ? least(amount, debt) : ZERO;",
      replace: 'ZERO;',
    },
    {
      id: 'debt-repaid-beyond-the-purchase',
      bug: 'A purchase repays the whole debt, also where it is smaller than that.',
      find: "kind === 'purchase' ? least(amount, debt) : ZERO;",
      replace: "kind === 'purchase' ? debt : ZERO;",
    },
    {
      id: 'burn-order-shown-paid-first',
      bug: 'The comparator puts bought credit before gifts.',
      find: 'paid(a) - paid(b) ||',
      replace: 'paid(b) - paid(a) ||',
      simulated: false,
    },
    {
      id: 'credit-without-a-ceiling',
      bug: 'A grant is issued though all credit together would no longer fit into its columns.',
      find: "return amount > room ? { outcome: 'balance_too_large', room } : undefined;",
      replace: "return room < 0n ? { outcome: 'balance_too_large', room } : undefined;",
      simulated: false,
    },
  ]),
  ...bugsIn({ file: 'migrations/0001-foundation.sql', simulated: true, tests: TESTS }, [
    {
      id: 'leap-day-loses-a-day',
      bug: 'Credit bought on 29 February expires on 28 February.',
      find: "(t AT TIME ZONE 'UTC' + interval '1 day' + interval '1 year')",
      replace: "(t AT TIME ZONE 'UTC' + interval '1 year')",
    },
    {
      id: 'year-by-local-time',
      bug: 'A year is added in the time zone of the office.',
      find: "ELSE (t AT TIME ZONE 'UTC' + interval '1 year') AT TIME ZONE 'UTC'",
      replace:
        "ELSE (t AT TIME ZONE 'Europe/Berlin' + interval '1 year') AT TIME ZONE 'Europe/Berlin'",
    },
  ]),
];
