import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = ['src/charging/superseded.db.test.ts', 'src/charging/idempotency.db.test.ts'];
const PLACE = { file: 'migrations/0031-keys-taken-over.sql', tests: TESTS };

/** An Idempotency-Key that goes from one request to another: one of the two is charged. */
export const TAKEOVERS: readonly PlantedBug[] = [
  ...bugsIn({ ...PLACE, simulated: true }, [
    {
      id: 'takeover-ends-no-hold',
      bug: 'A key goes to another request and the hold of the first can still be settled late.',
      find: `    PERFORM ledger.supersede(p_org, known.request_id, bursar.now_under_lock());
    -- Charged, if it was settled before the lock was ours.
    standing := ledger.hold_standing(p_org, known.request_id);`,
      replace: `    standing := 'free';`,
    },
    {
      id: 'takeover-of-a-settled-request',
      bug: 'A key is taken over from a request that was settled late.',
      find: `              WHEN state IN ('settled', 'settled_late') THEN 'charged'`,
      replace: `              WHEN state IN ('settled') THEN 'charged'`,
    },
    {
      id: 'takeover-never-from-the-dead',
      bug: 'The key of a request whose process has died stays its own for ever.',
      find: `CASE WHEN state = 'open' AND lease_expires_at > bursar.real_now() THEN 'alive'`,
      replace: `CASE WHEN state = 'open' AND lease_expires_at < bursar.real_now() THEN 'alive'`,
    },
    {
      id: 'takeover-forgets-the-limits',
      bug: 'What a superseded hold promised goes on counting in the limits.',
      find: `    PERFORM charging.expire_lapsed(p_org, bursar.now_under_lock(), bursar.real_now());`,
      replace: `    PERFORM ledger.expire_lapsed(p_org, bursar.now_under_lock(), bursar.real_now());`,
    },
  ]),
  ...bugsIn({ ...PLACE, simulated: false }, [
    {
      id: 'takeover-loss-of-any-hold',
      bug: 'A loss is booked for a hold that was given back long ago.',
      find: `   WHERE organization_id = p_org AND id = p_id AND state = 'superseded';`,
      replace: `   WHERE organization_id = p_org AND id = p_id AND state IN ('superseded', 'voided');`,
    },
    {
      id: 'takeover-loss-without-receipt',
      bug: 'The loss of a superseded request is booked and its receipt is not.',
      find: `    ARRAY['voided'], ARRAY[0::bigint], ARRAY[0::bigint], ARRAY[p_loss], ARRAY[now_at]);`,
      replace: `    ARRAY['lost'], ARRAY[0::bigint], ARRAY[0::bigint], ARRAY[p_loss], ARRAY[now_at]);`,
    },
  ]),
  ...bugsIn({ file: 'src/charging/superseded.ts', tests: TESTS, simulated: false }, [
    {
      id: 'takeover-loss-of-what-was-free',
      bug: 'Of a superseded request that failed, the known usage is not booked as a loss.',
      find: `command.resolution === 'settle' ? command.cost : command.record.lossUsage`,
      replace: 'command.cost',
    },
    {
      id: 'takeover-loss-given-up',
      bug: 'A loss that cannot be booked at once is forgotten.',
      find: `        if (!neverTaken(error)) return { outcome: 'ledger_unavailable' };`,
      replace: '',
    },
  ]),
];
