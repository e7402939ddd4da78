import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/charging.db.test.ts',
  'src/charging/extend.db.test.ts',
  'src/charging/settlement.db.test.ts',
  'src/ledger/ledger.db.test.ts',
];

const HOLDS = 'migrations/0012-holds-in-full.sql';
const BATCHES = 'migrations/0016-charging-in-full.sql';

/** Charging what was used: the plain case first, then the one with everything in it. */
export const SETTLEMENTS: readonly PlantedBug[] = bugsIn(
  { file: 'migrations/0015-settlements-in-full.sql', simulated: true, tests: TESTS },
  [
    {
      id: 'happened-before-its-hold',
      bug: 'The clock of a process that is behind dates a charge before its hold.',
      find: 'least(greatest(p_happened[i], placed[i]), p_now) END;',
      replace: 'least(p_happened[i], p_now) END;',
    },
    {
      id: 'happened-in-the-future',
      bug: 'The clock of a process that is ahead dates a charge after its booking.',
      find: 'least(greatest(p_happened[i], placed[i]), p_now) END;',
      replace: 'greatest(p_happened[i], placed[i]) END;',
    },
    {
      id: 'entries-happen-now',
      bug: 'Every entry says that it happens when it is written.',
      find: 'l.reference, coalesce(l.happened, p_now), p_now\n',
      replace: 'l.reference, p_now, p_now\n',
    },
    {
      id: 'entries-recorded-then',
      bug: 'An entry that is booked late also says that it was recorded then.',
      find: 'l.reference, coalesce(l.happened, p_now), p_now\n',
      replace: 'l.reference, coalesce(l.happened, p_now), coalesce(l.happened, p_now)\n',
    },
    {
      id: 'settled-twice',
      bug: 'A settlement that is told again is charged again.',
      find: "ELSIF states[i] NOT IN ('open', 'expired') THEN",
      replace: "ELSIF states[i] NOT IN ('open', 'expired', 'settled') THEN",
    },
    {
      id: 'settled-late-twice',
      bug: 'A settlement that came late may come again.',
      find: "ELSIF states[i] NOT IN ('open', 'expired') THEN",
      replace: "ELSIF states[i] NOT IN ('open', 'expired', 'settled_late') THEN",
    },
    {
      id: 'settled-twice-in-one-batch',
      bug: 'Two settlements of one request that go together are both charged.',
      find: 'ELSIF twins AND p_ids[i] = ANY (p_ids[1:i - 1]) THEN',
      replace: 'ELSIF false THEN',
    },
    {
      id: 'void-keeps-its-hold',
      bug: 'A request that charges nothing never frees what was held for it.',
      find: `    IF NOT late[i] THEN
      freed[i]`,
      replace: `    IF NOT late[i] AND p_resolutions[i] = 'settle' THEN
      freed[i]`,
    },
    {
      id: 'void-charges',
      bug: 'A void is settled at its cost.',
      find: "IF p_resolutions[i] = 'void' THEN",
      replace: "IF p_resolutions[i] = 'voided' THEN",
    },
    {
      id: 'late-frees-again',
      bug: 'A late settlement frees its hold a second time.',
      find: `    IF NOT late[i] THEN
      freed[i]`,
      replace: `    IF true THEN
      freed[i]`,
    },
    {
      id: 'late-charges-in-full',
      bug: 'A late settlement charges its cost though others were promised the credit meanwhile.',
      find: 'charge := least(p_costs[i], amounts[i], greatest(free, 0));',
      replace: 'charge := least(p_costs[i], amounts[i]);',
    },
    {
      id: 'late-above-its-hold',
      bug: 'A late settlement charges more than its hold was.',
      find: 'charge := least(p_costs[i], amounts[i], greatest(free, 0));',
      replace: 'charge := least(p_costs[i], greatest(free, 0));',
    },
    {
      id: 'overrun-takes-what-others-hold',
      bug: 'A cost above the hold takes credit that other requests were promised.',
      find: 'charge := promised + least(p_costs[i] - promised, greatest(free - promised, 0));',
      replace:
        'charge := promised + least(p_costs[i] - promised, book.live_nanos - from_live - promised);',
    },
    {
      id: 'overrun-counts-its-hold-as-free',
      bug: 'What is charged from the hold is taken to be available for the overrun as well.',
      find: 'charge := promised + least(p_costs[i] - promised, greatest(free - promised, 0));',
      replace: 'charge := promised + least(p_costs[i] - promised, greatest(free, 0));',
    },
    {
      id: 'overrun-is-a-gift',
      bug: 'A cost above the hold is never charged, whatever is available.',
      find: 'charge := promised + least(p_costs[i] - promised, greatest(free - promised, 0));',
      replace: 'charge := promised;',
    },
    {
      id: 'overrun-not-booked',
      bug: 'What the operator pays for the customer is not booked.',
      find: 'overruns[i] := p_costs[i] - charges[i];',
      replace: 'overruns[i] := 0;',
    },
    {
      id: 'stopped-grants-do-not-pay',
      bug: 'A hold from before the expiry is paid from live credit.',
      find: 'EXIT WHEN promised = 0;',
      replace: 'EXIT WHEN true;',
    },
    {
      id: 'stopped-grants-pay-for-later-holds',
      bug: 'A stopped grant pays for holds that were placed after it had stopped.',
      find: 'CONTINUE WHEN g_left[j] = 0 OR g_ends[j] <= placed[i];',
      replace: 'CONTINUE WHEN g_left[j] = 0;',
    },
    {
      id: 'stopped-grants-pay-for-later-growth',
      bug: 'A stopped grant pays for what was added to a hold after it had stopped.',
      find: 'ledger.held_before(org, p_ids[i], amounts[i], g_ends[j]) - (charge - rest));',
      replace: 'amounts[i] - (charge - rest));',
    },
    {
      id: 'stopped-grants-pay-twice',
      bug: 'Of two stopped grants each pays as if the other had paid nothing.',
      find: 'ledger.held_before(org, p_ids[i], amounts[i], g_ends[j]) - (charge - rest));',
      replace: 'ledger.held_before(org, p_ids[i], amounts[i], g_ends[j]));',
    },
    {
      id: 'stopped-sum-not-lowered',
      bug: 'What stopped grants paid is not taken from the sum of what has stopped.',
      find: 'live_nanos = live_nanos - from_live, stopped_nanos = stopped_nanos - from_stopped,',
      replace: 'live_nanos = live_nanos - from_live,',
    },
    {
      id: 'burn-order-oldest-first',
      bug: 'Credit is used up oldest first instead of soonest expiry first.',
      find: `           ORDER BY expires_at, paid, granted_at, id
          OFFSET`,
      replace: `           ORDER BY granted_at, id
          OFFSET`,
    },
    {
      id: 'only-four-grants-pay',
      bug: 'The next few grants are read from the beginning again.',
      find: 'OFFSET cardinality(g_ids) - stopped LIMIT 4',
      replace: 'OFFSET 0 LIMIT 4',
    },
    {
      id: 'transaction-number-skipped',
      bug: 'The next transaction number is one too high after a batch.',
      find: 'next_transaction = next_transaction + ordinal + 1\n',
      replace: 'next_transaction = next_transaction + ordinal + 2\n',
    },
    {
      id: 'losses-not-noted',
      bug: 'Known usage of a broken stream is not noted on the operator.',
      find: 'IF p_losses[i] > 0 THEN',
      replace: 'IF p_losses[i] < 0 THEN',
    },
    {
      id: 'second-settlement-told-nothing',
      bug: 'A repeated settlement is told that nothing was charged.',
      find: 'charges[i] := coalesce(earlier[i], 0);',
      replace: 'charges[i] := 0;',
    },
    {
      id: 'sweep-frees-the-living',
      bug: 'Once one hold of an organization has lapsed, the sweeper frees all of them.',
      file: HOLDS,
      find: `AND state = 'open' AND lease_expires_at <= p_real
    RETURNING`,
      replace: `AND state = 'open'
    RETURNING`,
    },
    {
      id: 'sweep-by-business-time',
      bug: 'The sweeper compares leases with business time.',
      file: BATCHES,
      find: 'PERFORM charging.expire_lapsed(o, bursar.now_under_lock(), bursar.real_now());',
      replace:
        'PERFORM charging.expire_lapsed(o, bursar.now_under_lock(), bursar.now_under_lock());',
    },
    {
      id: 'sweep-leaves-the-sum',
      bug: 'The sweeper ends lapsed holds and leaves the sum of what is held as it was.',
      file: HOLDS,
      find: `  IF freed > 0 THEN
    UPDATE ledger.books SET held_nanos = held_nanos - freed WHERE organization_id = p_org;`,
      replace: `  IF freed < 0 THEN
    UPDATE ledger.books SET held_nanos = held_nanos - freed WHERE organization_id = p_org;`,
    },
    {
      id: 'renewal-revives-the-dead',
      bug: 'A renewal that comes too late brings a lapsed hold back.',
      file: 'migrations/0023-renewals-by-key.sql',
      find: "AND state = 'open'\n       AND lease_expires_at > bursar.real_now();",
      replace: "AND state = 'open';",
    },
  ],
);
