import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/admission.db.test.ts',
  'src/charging/charging.db.test.ts',
  'src/charging/extend.db.test.ts',
  'src/ledger/grants.db.test.ts',
];

const BATCHES = 'migrations/0016-charging-in-full.sql';

/** Taking and extending promises: `ledger.place` and what it reads. */
export const HOLDS: readonly PlantedBug[] = [
  ...bugsIn({ file: 'migrations/0012-holds-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'hold-beyond-available',
      bug: 'A hold only needs some credit, not its whole amount.',
      find: 'IF delta > available_nanos - taken OR available_nanos - taken <= 0 THEN',
      replace: 'IF available_nanos - taken <= 0 THEN',
    },
    {
      id: 'hold-neighbours-forgotten',
      bug: 'Each hold of a batch is compared with the balance before the batch.',
      find: 'IF delta > available_nanos - taken OR available_nanos - taken <= 0 THEN',
      replace: 'IF delta > available_nanos OR available_nanos <= 0 THEN',
    },
    {
      id: 'hold-of-nothing-without-credit',
      bug: 'A request that promises nothing is let through though no credit is left.',
      find: 'IF delta > available_nanos - taken OR available_nanos - taken <= 0 THEN',
      replace: 'IF delta > available_nanos - taken THEN',
    },
    {
      id: 'hold-debt-has-another-sign',
      bug: 'A debt is looked for above zero, where it never is.',
      find: 'IF book.customer_debt_nanos < 0 THEN',
      replace: 'IF book.customer_debt_nanos > 0 THEN',
    },
    {
      id: 'hold-repeated-is-a-second',
      bug: 'A hold that is asked for again is taken again.',
      find: 'ELSIF before IS NOT NULL THEN',
      replace: "ELSIF before ->> 0 <> 'open' THEN",
    },
    {
      id: 'hold-lapsed-still-counts',
      bug: 'Holds of dead processes go on blocking the credit they were promised.',
      find: 'book.held_nanos := book.held_nanos - (ledger.expire_lapsed(org, p_now, p_real)).freed;',
      replace: '',
    },
    {
      id: 'hold-by-sums-of-yesterday',
      bug: 'The sums of the book are used after the instant until which they are valid.',
      find: `  IF p_now >= book.live_until THEN
    book := ledger.count_grants(org, p_now);
  END IF;
  available_nanos :=`,
      replace: '  available_nanos :=',
    },
    {
      id: 'hold-at-the-instant-of-expiry',
      bug: 'Credit can still be promised at the very instant at which it expires.',
      find: `  IF p_now >= book.live_until THEN
    book := ledger.count_grants(org, p_now);
  END IF;
  available_nanos :=`,
      replace: `  IF p_now > book.live_until THEN
    book := ledger.count_grants(org, p_now);
  END IF;
  available_nanos :=`,
    },
    {
      id: 'hold-without-cover',
      bug: 'Open holds that an expired grant still covers are taken from live credit as well.',
      find: `    available_nanos := available_nanos + ledger.covered_by_expired(org, p_now, '-infinity');
  END IF;
  SELECT`,
      replace: '  END IF;\n  SELECT',
    },
    {
      id: 'hold-covered-by-all-that-stopped',
      bug: 'All that is left of stopped grants covers holds, whoever was promised it.',
      find: `available_nanos + ledger.covered_by_expired(org, p_now, '-infinity');
  END IF;
  SELECT`,
      replace: 'available_nanos + book.stopped_nanos;\n  END IF;\n  SELECT',
    },
    {
      id: 'extension-adds',
      bug: 'An extension to an amount is taken for an extension by that amount.',
      find: 'delta := delta - (before ->> 1)::bigint;',
      replace: '',
    },
    {
      id: 'extension-lowers',
      bug: 'An extension to less than is held lowers the hold.',
      find: "WHEN delta <= 0 THEN 'held' END;",
      replace: "WHEN delta = 0 THEN 'held' END;",
    },
    {
      id: 'hold-of-the-dead-repeated',
      bug: 'A hold that has lapsed is said to hold when it is asked for again.',
      find: "CASE WHEN state = 'open' AND lease_expires_at <= p_real THEN 'lapsed' ELSE state END,",
      replace: 'state,',
    },
    {
      id: 'extension-without-a-trace',
      bug: 'When a hold grew is not written down, so an expired grant covers what came later.',
      find: `    SELECT org, p_ids[i], p_amounts[i], added[i], p_now FROM unnest(grown) AS i;`,
      replace: `    SELECT org, p_ids[i], p_amounts[i], added[i], p_now FROM unnest(grown) AS i WHERE false;`,
    },
    {
      id: 'extension-unsaid-to-its-batch',
      bug: 'A second extension in the same batch starts from the amount before the first.',
      find: "known := jsonb_set(known, ARRAY[p_ids[i], '1'], to_jsonb(p_amounts[i]));",
      replace: '',
    },
    {
      id: 'key-unknown-admitted',
      bug: 'A key that does not exist is not refused.',
      file: BATCHES,
      find: "THEN nullif(coalesce(one.outcome, 'key_revoked'), 'admitted') END];",
      replace: "THEN nullif(one.outcome, 'admitted') END];",
    },
    {
      id: 'key-unknown-admitted-in-a-batch',
      bug: 'Beside others, a key that does not exist is not refused.',
      file: BATCHES,
      find: "THEN nullif(coalesce(d.outcome, 'key_revoked'), 'admitted') END ORDER BY c.i),",
      replace: "THEN nullif(d.outcome, 'admitted') END ORDER BY c.i),",
    },
  ]),
  ...bugsIn({ file: 'migrations/0010-ledger-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'cover-of-later-growth',
      bug: 'What was added to a hold after a grant had expired is covered by that grant.',
      find: 'SELECT p_amount - coalesce(sum(added_nanos), 0)::bigint FROM ledger.hold_extensions',
      replace:
        'SELECT p_amount - 0 * coalesce(sum(added_nanos), 0)::bigint FROM ledger.hold_extensions',
    },
    {
      id: 'cover-of-growth-at-the-instant',
      bug: 'What was added at the very instant at which a grant expired is covered by it.',
      find: 'AND extended_at >= p_at',
      replace: 'AND extended_at > p_at',
    },
    {
      id: 'cover-at-the-instant',
      bug: 'A hold placed at the very instant at which a grant expired is covered by it.',
      find: 'AND placed_at < g.usable_until;',
      replace: 'AND placed_at <= g.usable_until;',
    },
    {
      id: 'cover-counted-twice',
      bug: 'Two expired grants cover the same hold, and its amount is given out twice.',
      find: `least(g.remaining_nanos, greatest(early - total, 0))`,
      replace: `least(g.remaining_nanos, early)`,
    },
  ]),
  ...bugsIn({ file: 'migrations/0028-key-states.sql', simulated: true, tests: TESTS }, [
    {
      id: 'key-revoked-admitted',
      bug: 'A revoked key may still start requests.',
      find: "      WHEN k.status <> 'active' THEN 'key_revoked'\n",
      replace: '',
    },
    {
      id: 'organization-suspended-admitted',
      bug: 'A suspended organization may still start requests.',
      find: "WHEN o.status = 'suspended' THEN 'organization_suspended'",
      replace: "WHEN o.status = 'deleted' THEN 'organization_suspended'",
    },
  ]),
];
