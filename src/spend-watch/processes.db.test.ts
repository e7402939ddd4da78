import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPool } from '#db/pool';
import { ZERO } from '#kernel/money';
import { resumeKey } from '#spend-watch/answers';
import type { WatchAction } from '#spend-watch/policy';
import { raise, type Tell } from '#spend-watch/raise';
import { watchSpending } from '#spend-watch/watch';
import { give, makePayer, type Payer, usd } from '#test/ledger-world';
import { type WatchWorld, watchWorld } from '#test/watch-world';

let world: WatchWorld;
let payer: Payer;
beforeAll(async () => {
  world = await watchWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  payer = await world.begin();
});

const look = () => world.look();
const later = (interval: string) => world.later(interval);
const spend = (amount: string, by = payer) => world.spend(by, amount);
const want = (action: WatchAction) => world.want(payer, action);
const anomalies = () => world.anomalies(payer);
const keyStatus = (of = payer) => world.keyStatus(of);
const person = { by: 'user_ada', requestId: null };

describe('several processes', () => {
  /** What a look found out, and when. */
  const foundNow = async () => {
    const [row] = await world.db.pool.query<{ now: string }>({
      text: 'SELECT bursar.now()::text AS now',
    });
    const { organizationId, apiKeyId: subjectId } = payer;
    return {
      subject: { organizationId, level: 'api_key', subjectId },
      unusual: { window: 'five_minutes', spent: usd('6'), usual: ZERO, allowed: usd('5') },
      speed: { five_minutes: usd('6'), hour: usd('6') },
      asOf: row?.now ?? '',
    } as const;
  };

  test('one that found it before a person answered does not pause the key again', async () => {
    await want('pause');
    await spend('6');
    const found = await foundNow();
    await look();
    const { organizationId, apiKeyId } = payer;
    await world.db.pool.transaction((tx) =>
      resumeKey(tx, { organizationId, id: apiKeyId }, person),
    );
    await raise(world.deps, found);
    expect([await keyStatus(), world.told.length]).toEqual(['active', 1]);
  });

  test('that found the same at once raise it once', async () => {
    await want('pause');
    const found = await foundNow();
    const other = openPool({ url: world.db.url, name: 'another process', max: 4 });
    const raising = Array.from({ length: 8 }, (_, n) =>
      raise({ ...world.deps, pool: n % 2 === 0 ? world.db.pool : other }, found),
    );
    await Promise.all(raising);
    await other.close();
    expect([world.told.length, (await anomalies()).length]).toEqual([1, 1]);
    const trail = await world.db.pool.query({
      text: `SELECT FROM identity.audit_events WHERE organization_id = $1 AND action = 'api_key.pause'`,
      values: [payer.organizationId],
    });
    expect(trail).toHaveLength(1);
  });

  test('raise one anomaly, pause one key and tell once between them', async () => {
    await want('pause');
    await spend('6');
    await Promise.all(Array.from({ length: 8 }, () => look()));
    for (let again = 0; again < 3; again++) await look();
    expect(world.told).toHaveLength(1);
    expect(await anomalies()).toHaveLength(1);
  });

  test('count each charge once, however they take turns and whenever it is counted', async () => {
    const spent = async () => {
      for (let n = 0; n < 20; n++) {
        await spend('0.01');
        // So that each group is counted by one look and lies just before the next ones.
        if (n % 5 === 0) await later('3500 milliseconds');
      }
    };
    let done = false;
    const looking = [0, 1].map(async () => {
      while (!done) await look();
    });
    await spent();
    done = true;
    await Promise.all(looking);
    await later('11 seconds');
    await look();
    const [row] = await world.db.pool.query<{ sum: bigint }>({
      text: `SELECT sum(charged_nanos)::bigint AS sum FROM spend_watch.minutes
              WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
    expect(row?.sum).toBe(usd('0.2'));
  });

  test('one that is looking is not waited for', async () => {
    await world.db.pool.transaction(async (tx) => {
      await tx.query({ text: 'SELECT FROM spend_watch.progress FOR UPDATE' });
      expect(await look()).toBe(false);
    });
    expect(await look()).toBe(true);
  });
});

test('organizations older than the watch are learned from for three days', async () => {
  await world.db.ownerPool.query({
    text: 'UPDATE spend_watch.progress SET began_at = bursar.now()',
  });
  await spend('60');
  await look();
  expect(world.told).toEqual([]);
  await later('11 seconds');
  await look();
  await later('3 days');
  await spend('181');
  await look();
  expect(world.told).toMatchObject([{ facts: { usual_usd: '60' } }]);
});

test('what cannot be told is not done either, and the others are looked after', async () => {
  await want('pause');
  const other = await makePayer(world.db.pool);
  await give(world.db.pool, other, usd('10'));
  await spend('6', other);
  await spend('6');
  const failures: string[] = [];
  const deaf: Tell = async (tx, notice) => {
    if (notice.organizationId === payer.organizationId) throw new Error('no way to tell');
    await world.tell(tx, notice);
  };
  const onFailure = (_: unknown, organizationId: string) => void failures.push(organizationId);
  await watchSpending({ ...world.deps, tell: deaf, onFailure });
  expect(failures).toEqual([payer.organizationId]);
  expect(world.told.map(({ organizationId }) => organizationId)).toEqual([other.organizationId]);
  expect([await keyStatus(), await anomalies()]).toEqual(['active', []]);
  await look();
  expect(await keyStatus()).toBe('paused');
});
