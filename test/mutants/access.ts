import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/admission.db.test.ts',
  'src/charging/charging.db.test.ts',
  'src/charging/key-expiry.db.test.ts',
  'src/charging/would-hold.db.test.ts',
];

const EXPIRED = "WHEN k.expires_at <= p_now THEN 'key_expired'";
const ALONE = "IF coalesce(one.outcome, 'key_revoked') <> 'admitted' THEN";
const TOGETHER = "FILTER (WHERE k.outcome IS DISTINCT FROM 'admitted'),";

/** Who may start a request: keys that end and organizations that are suspended. */
export const ACCESS: readonly PlantedBug[] = [
  ...bugsIn({ file: 'migrations/0028-key-states.sql', simulated: true, tests: TESTS }, [
    {
      id: 'key-admitted-at-its-end',
      bug: 'A key still starts a request at the very instant at which it expires.',
      find: EXPIRED,
      replace: EXPIRED.replace('<=', '<'),
    },
    {
      id: 'key-expired-admitted',
      bug: 'Nobody asks whether a key has expired.',
      find: EXPIRED,
      replace: EXPIRED.replace('<= p_now', 'IS NULL AND false'),
    },
    {
      id: 'key-expiry-before-its-suspension',
      bug: 'A key of a suspended organization is told that it has expired.',
      find: "WHEN o.status = 'suspended' THEN 'organization_suspended'",
      replace: `WHEN k.expires_at <= p_now THEN 'key_expired'
      WHEN o.status = 'suspended' THEN 'organization_suspended'`,
    },
  ]),
  ...bugsIn({ file: 'migrations/0018-hot-path.sql', simulated: true, tests: TESTS }, [
    {
      id: 'suspension-ignored-plainly',
      bug: 'The plain path lets a suspended organization start requests.',
      find: ALONE,
      replace: ALONE.replace("<> 'admitted'", "NOT IN ('admitted', 'organization_suspended')"),
    },
    {
      id: 'revocation-ignored-plainly',
      bug: 'The plain path lets a revoked key start requests.',
      find: ALONE,
      replace: ALONE.replace("'key_revoked') <>", "'unknown') NOT IN ('key_revoked',").replace(
        "'admitted' THEN",
        "'admitted') THEN",
      ),
    },
    {
      id: 'expiry-ignored-plainly',
      bug: 'The plain path lets a key start requests that has expired.',
      find: ALONE,
      replace: ALONE.replace("<> 'admitted'", "NOT IN ('admitted', 'key_expired')"),
    },
    {
      id: 'suspension-ignored-beside-others',
      bug: 'A suspended organization starts requests if its batch has others.',
      find: TOGETHER,
      replace: TOGETHER.replace(
        'IS DISTINCT',
        "<> 'organization_suspended' AND k.outcome IS DISTINCT",
      ),
    },
    {
      id: 'revocation-ignored-beside-others',
      bug: 'A revoked key starts requests if its batch has others.',
      find: TOGETHER,
      replace: TOGETHER.replace('IS DISTINCT', "<> 'key_revoked' AND k.outcome IS DISTINCT"),
    },
    {
      id: 'expiry-ignored-beside-others',
      bug: 'A key that has expired starts requests if its batch has others.',
      find: TOGETHER,
      replace: TOGETHER.replace('IS DISTINCT', "<> 'key_expired' AND k.outcome IS DISTINCT"),
    },
    {
      id: 'books-in-the-order-of-a-language',
      bug: 'Books come back in the order of the language of the database, so they are exchanged.',
      find: 'array_agg(l.place ORDER BY l.id COLLATE "C"), array_agg(l.book ORDER BY l.id COLLATE "C")',
      replace: 'array_agg(l.place ORDER BY l.id), array_agg(l.book ORDER BY l.id)',
      simulated: false,
      tests: ['src/charging/plain.db.test.ts'],
    },
  ]),
  ...bugsIn(
    {
      file: 'migrations/0020-every-lapse-leaves-the-limits.sql',
      simulated: false,
      tests: ['src/charging/recount.db.test.ts'],
    },
    [
      {
        id: 'upgrade-recounts-nothing',
        bug: 'The upgrade leaves what limits have counted too much.',
        find: 'AND (l.held_nanos <> h.held OR l.last_held_nanos <> h.last_held);',
        replace: 'AND false;',
      },
      {
        id: 'upgrade-recounts-what-is-settled',
        bug: 'The upgrade counts holds as held that are settled.',
        find: "WHERE o.organization_id = org AND o.state = 'open'",
        replace: 'WHERE o.organization_id = org',
      },
      {
        id: 'upgrade-forgets-the-last-month',
        bug: 'The upgrade recounts this month and not the one before.',
        find: 'SET held_nanos = h.held, last_held_nanos = h.last_held',
        replace: 'SET held_nanos = h.held',
      },
      {
        id: 'upgrade-counts-every-month',
        bug: 'The upgrade counts open holds of any month in this one.',
        find: 'coalesce(sum(o.amount) FILTER (WHERE o.month = s.month), 0) AS held,',
        replace: 'coalesce(sum(o.amount), 0) AS held,',
      },
      {
        id: 'upgrade-counts-keys-for-everybody',
        bug: 'The upgrade counts what any key holds for the limit of each.',
        find: 'ON s.subject_id IN (org, o.workspace_id, o.id)',
        replace: 'ON true',
      },
    ],
  ),
];
