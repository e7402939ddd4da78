import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPool } from '#db/pool';
import { newId } from '#kernel/ids';
import { type NanoUsd, ZERO } from '#kernel/money';
import { changeKey, readApiKey } from '#orgs/api-keys';
import { listAnomalies } from '#spend-watch/anomalies';
import { acknowledge, resumeKey } from '#spend-watch/answers';
import { setWatchPolicy, type WatchAction } from '#spend-watch/policy';
import { raise, type Tell } from '#spend-watch/raise';
import { watchSpending } from '#spend-watch/watch';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
let payer: Payer;
const told: Parameters<Tell>[1][] = [];
const tell: Tell = async (_tx, notice) => void told.push(notice);
const look = (pool = db.pool) => watchSpending({ pool, entropy: systemEntropy, tell });

beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});
beforeEach(async () => {
  // Ten o'clock of the next day: no test runs into midnight, nor into what the one before it spent.
  await db.pool.query({
    text: `SELECT bursar.advance_clock(date_trunc('day', bursar.now() AT TIME ZONE 'UTC')
             + interval '34 hours' - bursar.now() AT TIME ZONE 'UTC')`,
  });
  await look();
  payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1000'));
  told.length = 0;
});

const later = (interval: string) =>
  db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [interval] });

async function spend(amount: string | NanoUsd, by: Payer = payer): Promise<void> {
  const cost = typeof amount === 'string' ? usd(amount) : amount;
  const held = await hold(node.charging, by, cost);
  expect(held.outcome).toBe('held');
  await settle(node.charging, by, held.id, cost);
}

const want = (action: WatchAction) =>
  db.pool.transaction((tx) =>
    setWatchPolicy(tx, {
      ...{ organizationId: payer.organizationId, action, by: 'user_ada', requestId: null },
    }),
  );
const anomalies = () => listAnomalies(db.pool, payer.organizationId, 20);
const keyStatus = async (of: Payer = payer) =>
  (await readApiKey(db.pool, { organizationId: of.organizationId, id: of.apiKeyId }))?.status;
const person = { by: 'user_ada', requestId: null };

/** Another key of the same organization. */
async function anotherKey(): Promise<Payer> {
  const apiKeyId = newId('apiKey', systemEntropy);
  await db.ownerPool.query({
    text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint, created_at)
           VALUES ($1, $2, $3, 'workspace', 'another', 'another', bursar.now())`,
    values: [payer.organizationId, apiKeyId, payer.workspaceId],
  });
  return { ...payer, apiKeyId };
}

describe('a first anomaly', () => {
  test('below the floor nothing is unusual, beyond it one notice is told with the evidence', async () => {
    await spend('5');
    await look();
    expect(await anomalies()).toEqual([]);
    await spend('0.000000001');
    await look();
    await spend('3');
    await look();
    await later('30 seconds');
    await spend('0.01');
    await look();
    expect(told).toMatchObject([
      {
        organizationId: payer.organizationId,
        kind: 'key_spend_anomaly',
        facts: {
          ...{ api_key_id: payer.apiKeyId, key_name: 'test', window_minutes: 5 },
          ...{ spent_usd: '5.000000001', usual_usd: '0', allowed_usd: '5', paused: false },
        },
      },
    ]);
    const [anomaly, ...more] = await anomalies();
    expect(more).toEqual([]);
    expect(anomaly).toMatchObject({ state: 'open', pausedAt: null, level: 'api_key' });
    expect(anomaly?.peak.five_minutes).toBe(usd('8.010000001'));
    expect(await keyStatus()).toBe('active');
  });

  test('what is spread over an hour is unusual when the hour is', async () => {
    for (let minute = 0; minute < 50; minute += 10) {
      await spend('4.5');
      await look();
      await later('10 minutes');
    }
    expect(told).toMatchObject([{ facts: { window_minutes: 60, spent_usd: '22.5' } }]);
  });

  test('a small monthly limit makes what is unusual small too', async () => {
    await db.ownerPool.query({
      text: `INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action,
               month, set_by, set_at)
             VALUES ($1, 'organization', $1, $2, 'notify_and_pause', orgs.month_of(bursar.now()),
               'operator', bursar.now())`,
      values: [payer.organizationId, usd('25')],
    });
    await spend('2.51');
    await look();
    expect(told).toMatchObject([{ facts: { allowed_usd: '2.5', spent_usd: '2.51' } }]);
  });

  test('off is off', async () => {
    await want('off');
    await spend('50');
    await look();
    expect([await anomalies(), told]).toEqual([[], []]);
  });
});

describe('what is usual', () => {
  test('is the most of the days before, and a key that keeps to three times of it is left alone', async () => {
    await spend('4');
    await look();
    await later('25 hours');
    await spend('12');
    await look();
    expect(told).toEqual([]);
    await spend('0.01');
    await look();
    expect(told).toMatchObject([{ facts: { usual_usd: '4', allowed_usd: '12' } }]);
  });

  test('is nothing of today: what grows by the minute does not raise its own bar', async () => {
    for (const amount of ['2', '4', '10']) {
      expect(told).toEqual([]);
      await spend(amount);
      await look();
      await later('7 minutes');
      await look();
    }
    expect(told).toMatchObject([{ facts: { usual_usd: '0', spent_usd: '10' } }]);
  });

  test('does not become what an anomaly nobody answered spent', async () => {
    await spend('40');
    await look();
    await later('25 hours');
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
    const rows = await db.pool.query<{ most: bigint }>({
      text: `SELECT max(most_five_minutes_nanos) AS most FROM spend_watch.days
              WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
    expect(rows).toEqual([{ most: null }]);
  });

  test('of a new key is what its organization is used to', async () => {
    await spend('4');
    await look();
    await later('25 hours');
    const fresh = await anotherKey();
    await spend('11', fresh);
    await look();
    expect(told).toEqual([]);
  });

  test('of an old key that was idle is nothing', async () => {
    const idle = await anotherKey();
    await spend('4');
    await look();
    await later('4 days');
    await spend('5.01', idle);
    await look();
    expect(told).toMatchObject([{ kind: 'key_spend_anomaly', facts: { key_name: 'another' } }]);
  });
});

describe('an organization', () => {
  test('is told of when no key of it is to blame, and is never paused', async () => {
    await want('pause');
    const keys = [payer, await anotherKey(), await anotherKey()];
    for (const key of keys) await spend('4', key);
    await look();
    expect(told).toMatchObject([
      { kind: 'organization_spend_anomaly', facts: { spent_usd: '12', window_minutes: 5 } },
    ]);
    for (const key of keys) expect(await keyStatus(key)).toBe('active');
  });

  test('is not told of for what a key was told of already', async () => {
    await spend('4', await anotherKey());
    await spend('30');
    await look();
    await look();
    expect(told.map(({ kind }) => kind)).toEqual(['key_spend_anomaly']);
  });
});

describe('pausing', () => {
  beforeEach(() => want('pause'));

  test('stops the key before its next request, with one notice that says so', async () => {
    await spend('6');
    await look();
    expect(await keyStatus()).toBe('paused');
    const refused = await hold(node.charging, payer, usd('1'));
    expect(refused.outcome).toBe('key_revoked');
    await look();
    expect(told).toMatchObject([{ kind: 'key_paused', facts: { spent_usd: '6', paused: true } }]);
    const [event] = await db.ownerPool.query<{ actor: string; subject: string }>({
      text: `SELECT actor, subject FROM identity.audit_events
              WHERE organization_id = $1 AND action = 'api_key.pause'`,
      values: [payer.organizationId],
    });
    expect(event).toEqual({ actor: 'spend_watch', subject: payer.apiKeyId });
  });

  test('what was under way when the key was paused is finished and charged', async () => {
    const under = await hold(node.charging, payer, usd('2'));
    await spend('6');
    await look();
    expect(await keyStatus()).toBe('paused');
    expect(await settle(node.charging, payer, under.id, usd('2'))).toMatchObject({
      ...{ outcome: 'settled', charged: usd('2') },
    });
    await look();
    expect(told).toHaveLength(1);
  });

  test('one click resumes it: who and when is kept, and its speed is usual from then on', async () => {
    await spend('6');
    await look();
    const { organizationId, apiKeyId: id } = payer;
    const resume = () => db.pool.transaction((tx) => resumeKey(tx, { organizationId, id }, person));
    expect(await resume()).toMatchObject({ outcome: 'done', moved: true });
    expect(await resume()).toMatchObject({ outcome: 'done', moved: false });
    expect(await anomalies()).toMatchObject([
      { state: 'resumed', endedBy: 'user_ada', pausedAt: expect.any(Date) },
    ]);
    await look();
    await spend('50');
    await look();
    expect(await keyStatus()).toBe('active');
    expect(told).toHaveLength(1);
    // Ten times what was called usual for a day; then it is unusual again.
    await later('11 seconds');
    await spend('5');
    await look();
    expect(await keyStatus()).toBe('paused');
    expect(told).toHaveLength(2);
  });

  test('a paused key stays paused however long, and passes by being revoked', async () => {
    await spend('6');
    await look();
    await later('3 days');
    await look();
    expect([await keyStatus(), (await anomalies())[0]?.state]).toEqual(['paused', 'open']);
    const { organizationId, apiKeyId: id } = payer;
    await changeKey(db.pool, 'revoke', { organizationId, id });
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
  });

  test('a policy that becomes pause later pauses what still goes on, and says so once', async () => {
    await want('alert');
    await spend('6');
    await look();
    await want('pause');
    await spend('0.01');
    await look();
    await look();
    expect(told.map(({ kind }) => kind)).toEqual(['key_spend_anomaly', 'key_paused']);
    expect(await keyStatus()).toBe('paused');
  });
});

describe('an anomaly that nobody answers', () => {
  test('opens again without a word, and is told of again when it is three times as bad', async () => {
    await spend('6');
    await look();
    await later('2 hours');
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
    await spend('7');
    await look();
    expect([(await anomalies()).length, (await anomalies())[0]?.state]).toEqual([1, 'open']);
    expect(told).toHaveLength(1);
    await later('2 hours');
    await look();
    await spend('21.01');
    await look();
    expect(told).toHaveLength(2);
    expect(await anomalies()).toHaveLength(2);
  });

  test('can be called expected, once, and then its speed is usual', async () => {
    await spend('6');
    await look();
    const [open] = await anomalies();
    const { organizationId } = payer;
    const answer = () =>
      db.pool.transaction((tx) => acknowledge(tx, { organizationId, id: open?.id ?? '' }, person));
    expect((await answer()).outcome).toBe('acknowledged');
    expect((await answer()).outcome).toBe('not_open');
    await later('2 hours');
    await spend('17');
    await look();
    expect(told).toHaveLength(1);
  });
});

describe('several processes', () => {
  /** What a look found out, and when. */
  const foundNow = async () => {
    const [row] = await db.pool.query<{ now: string }>({
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
    await db.pool.transaction((tx) => resumeKey(tx, { organizationId, id: apiKeyId }, person));
    await raise({ pool: db.pool, entropy: systemEntropy, tell }, found);
    expect([await keyStatus(), told.length]).toEqual(['active', 1]);
  });

  test('that found the same at once raise it once', async () => {
    await want('pause');
    const found = await foundNow();
    const other = openPool({ url: db.url, name: 'another process', max: 4 });
    const raising = Array.from({ length: 8 }, (_, n) =>
      raise({ pool: n % 2 === 0 ? db.pool : other, entropy: systemEntropy, tell }, found),
    );
    await Promise.all(raising);
    await other.close();
    expect([told.length, (await anomalies()).length]).toEqual([1, 1]);
    const trail = await db.pool.query({
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
    expect(told).toHaveLength(1);
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
    const [row] = await db.pool.query<{ sum: bigint }>({
      text: `SELECT sum(charged_nanos)::bigint AS sum FROM spend_watch.minutes
              WHERE organization_id = $1`,
      values: [payer.organizationId],
    });
    expect(row?.sum).toBe(usd('0.2'));
  });

  test('one that is looking is not waited for', async () => {
    await db.pool.transaction(async (tx) => {
      await tx.query({ text: 'SELECT FROM spend_watch.progress FOR UPDATE' });
      expect(await look()).toBe(false);
    });
    expect(await look()).toBe(true);
  });
});

test('organizations older than the watch are learned from for three days', async () => {
  await db.ownerPool.query({ text: 'UPDATE spend_watch.progress SET began_at = bursar.now()' });
  await spend('60');
  await look();
  expect(told).toEqual([]);
  await later('11 seconds');
  await look();
  await later('3 days');
  await spend('181');
  await look();
  expect(told).toMatchObject([{ facts: { usual_usd: '60' } }]);
});

test('what cannot be told is not done either, and the others are looked after', async () => {
  await want('pause');
  const other = await makePayer(db.pool);
  await give(db.pool, other, usd('10'));
  await spend('6', other);
  await spend('6');
  const failures: string[] = [];
  const deaf: Tell = async (tx, notice) => {
    if (notice.organizationId === payer.organizationId) throw new Error('no way to tell');
    await tell(tx, notice);
  };
  const onFailure = (_: unknown, organizationId: string) => void failures.push(organizationId);
  await watchSpending({ pool: db.pool, entropy: systemEntropy, tell: deaf, onFailure });
  expect(failures).toEqual([payer.organizationId]);
  expect(told.map(({ organizationId }) => organizationId)).toEqual([other.organizationId]);
  expect([await keyStatus(), await anomalies()]).toEqual(['active', []]);
  await look();
  expect(await keyStatus()).toBe('paused');
});
