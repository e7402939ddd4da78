import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = ['src/charging/limits.db.test.ts', 'src/charging/extend.db.test.ts'];

const BATCHES = 'migrations/0016-charging-in-full.sql';
const CAPS = 'migrations/0020-every-lapse-leaves-the-limits.sql';
const SETTLING = 'migrations/0015-settlements-in-full.sql';
const LEVELS = 'migrations/0030-tier-spend-cap.sql';
const SET = 'migrations/0041-spending-and-who-limits-it.sql';

/** Spend limits: taken or refused in the statement that takes the hold. */
export const LIMITS: readonly PlantedBug[] = [
  ...bugsIn({ file: 'migrations/0012-holds-in-full.sql', simulated: true, tests: TESTS }, [
    {
      id: 'limit-widest-refuses',
      bug: 'The refusal names the widest of the limits that are reached, not the tightest.',
      find: 'AND (refusing[i] IS NULL OR p_rooms[cap] < p_rooms[refusing[i]]) THEN',
      replace: 'AND (refusing[i] IS NULL OR p_rooms[cap] > p_rooms[refusing[i]]) THEN',
    },
    {
      id: 'limit-narrowest-of-equals',
      bug: 'Of limits with equal room the key is named instead of the organization.',
      find: 'AND (refusing[i] IS NULL OR p_rooms[cap] < p_rooms[refusing[i]]) THEN',
      replace: 'AND (refusing[i] IS NULL OR p_rooms[cap] <= p_rooms[refusing[i]]) THEN',
    },
    {
      id: 'limit-of-zero-lets-nothing-through',
      bug: 'A request that promises nothing passes a limit that is used up.',
      find: 'IF p_rooms[cap] < greatest(delta, 1)',
      replace: 'IF p_rooms[cap] < delta',
    },
    {
      id: 'limit-checked-after',
      bug: 'A limit refuses only once it has been passed.',
      find: 'IF p_rooms[cap] < greatest(delta, 1)',
      replace: 'IF p_rooms[cap] <= 0',
    },
    {
      id: 'limit-room-not-shared',
      bug: 'Each hold of a batch has the room of a limit for itself.',
      find: 'p_rooms[cap] := p_rooms[cap] - delta;',
      replace: 'p_rooms[cap] := p_rooms[cap];',
    },
    {
      id: 'limit-keeps-the-lapsed',
      bug: 'Holds of dead processes are freed in the ledger and not in the limits.',
      file: BATCHES,
      find: 'IF e.freed > 0 AND orgs.is_limited(p_org) THEN',
      replace: 'IF e.freed < 0 THEN',
    },
    {
      id: 'limit-lapsed-count',
      bug: 'Holds whose lease has passed count for a limit until the sweeper comes.',
      file: CAPS,
      find: 'held := held - charging.expire_lapsed(org, p_now, p_real);',
      replace: 'held := p_book.held_nanos;',
    },
    {
      id: 'limit-keeps-what-a-hold-freed',
      bug: 'A hold that needs credit frees lapsed holds in the ledger and not in the limits.',
      file: CAPS,
      tests: ['src/ledger/history.db.test.ts'],
      find: 'OR p_now >= p_book.live_until OR asked >= p_book.live_nanos - p_book.held_nanos THEN',
      replace: 'THEN',
    },
    {
      id: 'limit-first-starts-at-zero',
      bug: 'A first limit in mid-month does not count what the month has used.',
      file: BATCHES,
      find: `s.charged, s.held, l.charged, l.held)`,
      replace: `0, 0, l.charged, l.held)`,
    },
    {
      id: 'limit-first-counts-everybody',
      bug: 'The first limit of a key starts with what all keys have used.',
      file: SETTLING,
      find: `   WHERE organization_id = p_org AND api_key_id = ANY (p_keys)
     AND placed_at >=`,
      replace: `   WHERE organization_id = p_org
     AND placed_at >=`,
    },
    {
      id: 'limit-growth-of-last-month',
      bug: 'A hold of last month that grows is refused by the limit of this month.',
      file: CAPS,
      find: `behind := CASE WHEN orgs.month_of(placed[i]) < this_month THEN cardinality(levels) ELSE 0 END;`,
      replace: `behind := 0;`,
    },
    {
      id: 'limit-first-forgets-last-month',
      bug: 'A first limit does not know what holds of the last month, still open, have used.',
      file: BATCHES,
      find: 's.charged, s.held, l.charged, l.held)',
      replace: 's.charged, s.held, 0, 0)',
    },
    {
      id: 'limit-growth-counts-for-nobody',
      bug: 'An extension is not counted for the key of its hold.',
      file: CAPS,
      find: 'hold_keys[i] := hold.api_key_id;',
      replace: '',
    },
  ]),
  ...bugsIn({ file: 'migrations/0011-spend-limits.sql', simulated: true, tests: TESTS }, [
    {
      id: 'limit-notice-refuses',
      bug: 'A limit that should only notify refuses.',
      file: LEVELS,
      find: `rooms := rooms || CASE WHEN pauses THEN l.amount_nanos - l.charged_nanos - l.held_nanos END;`,
      replace: `rooms := rooms || (l.amount_nanos - l.charged_nanos - l.held_nanos);`,
    },
    {
      id: 'limit-room-without-holds',
      bug: 'The room of a limit is counted without what open holds have promised.',
      file: LEVELS,
      find: 'THEN l.amount_nanos - l.charged_nanos - l.held_nanos END;',
      replace: 'THEN l.amount_nanos - l.charged_nanos END;',
    },
    {
      id: 'limit-never-begins-anew',
      bug: 'The counters are not set back when a month begins.',
      file: LEVELS,
      find: 'IF l.month < p_month THEN',
      replace: 'IF l.month > p_month THEN',
    },
    {
      id: 'limit-last-month-thrown-away',
      bug: 'What the last month has used is forgotten when a month begins.',
      file: LEVELS,
      find: 'last_charged_nanos = CASE WHEN orgs.follows(p_month, l.month) THEN l.charged_nanos ELSE 0 END,',
      replace: 'last_charged_nanos = 0,',
    },
    {
      id: 'limit-last-month-however-long-ago',
      bug: 'The last month that was counted is taken for the month before, however long ago it was.',
      find: "$$ SELECT p_month = (p_before + interval '1 month')::date $$;",
      replace: '$$ SELECT p_month > p_before $$;',
    },
    {
      id: 'limit-last-month-without-its-holds',
      bug: 'What is left of the last month is counted without its open holds.',
      file: LEVELS,
      find: 'THEN l.amount_nanos - l.last_charged_nanos - l.last_held_nanos END;',
      replace: 'THEN l.amount_nanos - l.last_charged_nanos END;',
    },
    {
      id: 'limit-by-local-month',
      bug: 'A month begins by the local time of the office.',
      find: "date_trunc('month', p_at AT TIME ZONE 'UTC')::date",
      replace: "date_trunc('month', p_at AT TIME ZONE 'America/Los_Angeles')::date",
    },
    {
      id: 'limit-set-and-not-known',
      bug: 'A new limit is written down, but admission is not told that there is one.',
      file: SET,
      find: 'UPDATE orgs.organizations SET limited = true WHERE id = p_organization AND NOT limited;',
      replace: '',
    },
  ]),
];
