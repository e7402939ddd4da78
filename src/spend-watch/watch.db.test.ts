import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { changeKey } from '#orgs/api-keys';
import { acknowledge, enableKey, resumeKey } from '#spend-watch/answers';
import type { WatchAction } from '#spend-watch/policy';
import { hold, type Payer, settle, usd } from '#test/ledger-world';
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
    expect(world.told).toMatchObject([
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
    expect(world.told).toMatchObject([{ facts: { window_minutes: 60, spent_usd: '22.5' } }]);
  });

  test('a small monthly limit makes what is unusual small too', async () => {
    await world.db.ownerPool.query({
      text: `INSERT INTO orgs.spend_limits (organization_id, level, subject_id, amount_nanos, action,
               month, set_by, set_at)
             VALUES ($1, 'organization', $1, $2, 'notify_and_pause', orgs.month_of(bursar.now()),
               'operator', bursar.now())`,
      values: [payer.organizationId, usd('25')],
    });
    await spend('2.51');
    await look();
    expect(world.told).toMatchObject([{ facts: { allowed_usd: '2.5', spent_usd: '2.51' } }]);
  });

  test('off is off', async () => {
    await want('off');
    await spend('50');
    await look();
    expect([await anomalies(), world.told]).toEqual([[], []]);
  });
});

describe('what is usual', () => {
  test('is the most of the days before, and a key that keeps to three times of it is left alone', async () => {
    await spend('4');
    await look();
    await later('25 hours');
    await spend('12');
    await look();
    expect(world.told).toEqual([]);
    await spend('0.01');
    await look();
    expect(world.told).toMatchObject([{ facts: { usual_usd: '4', allowed_usd: '12' } }]);
  });

  test('is nothing of today: what grows by the minute does not raise its own bar', async () => {
    for (const amount of ['2', '4', '10']) {
      expect(world.told).toEqual([]);
      await spend(amount);
      await look();
      await later('7 minutes');
      await look();
    }
    expect(world.told).toMatchObject([{ facts: { usual_usd: '0', spent_usd: '10' } }]);
  });

  test('does not become what an anomaly nobody answered spent', async () => {
    await spend('40');
    await look();
    await later('25 hours');
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
    const rows = await world.db.pool.query<{ most: bigint }>({
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
    const fresh = await world.anotherKey(payer);
    await spend('11', fresh);
    await look();
    expect(world.told).toEqual([]);
  });

  test('of an old key that was idle is nothing', async () => {
    const idle = await world.anotherKey(payer);
    await spend('4');
    await look();
    await later('4 days');
    await spend('5.01', idle);
    await look();
    expect(world.told).toMatchObject([
      { kind: 'key_spend_anomaly', facts: { key_name: 'another' } },
    ]);
  });
});

describe('an organization', () => {
  test('is told of when no key of it is to blame, and is never paused', async () => {
    await want('pause');
    const keys = [payer, await world.anotherKey(payer), await world.anotherKey(payer)];
    for (const key of keys) await spend('4', key);
    await look();
    expect(world.told).toMatchObject([
      { kind: 'organization_spend_anomaly', facts: { spent_usd: '12', window_minutes: 5 } },
    ]);
    for (const key of keys) expect(await keyStatus(key)).toBe('active');
  });

  test('is not told of for what a key was told of already', async () => {
    await spend('4', await world.anotherKey(payer));
    await spend('30');
    await look();
    await look();
    expect(world.told.map(({ kind }) => kind)).toEqual(['key_spend_anomaly']);
  });
});

describe('pausing', () => {
  beforeEach(() => want('pause'));

  test('stops the key before its next request, with one notice that says so', async () => {
    await spend('6');
    await look();
    expect(await keyStatus()).toBe('paused');
    const refused = await hold(world.node.charging, payer, usd('1'));
    expect(refused.outcome).toBe('key_revoked');
    await look();
    expect(world.told).toMatchObject([
      { kind: 'key_paused', facts: { spent_usd: '6', paused: true } },
    ]);
    const [event] = await world.db.ownerPool.query<{ actor: string; subject: string }>({
      text: `SELECT actor, subject FROM identity.audit_events
              WHERE organization_id = $1 AND action = 'api_key.pause'`,
      values: [payer.organizationId],
    });
    expect(event).toEqual({ actor: 'spend_watch', subject: payer.apiKeyId });
  });

  test('what was under way when the key was paused is finished and charged', async () => {
    const under = await hold(world.node.charging, payer, usd('2'));
    await spend('6');
    await look();
    expect(await keyStatus()).toBe('paused');
    expect(await settle(world.node.charging, payer, under.id, usd('2'))).toMatchObject({
      ...{ outcome: 'settled', charged: usd('2') },
    });
    await look();
    expect(world.told).toHaveLength(1);
  });

  test('one click resumes it: who and when is kept, and its speed is usual from then on', async () => {
    await spend('6');
    await look();
    const { organizationId, apiKeyId: id } = payer;
    const resume = () =>
      world.db.pool.transaction((tx) => resumeKey(tx, { organizationId, id }, person));
    expect(await resume()).toMatchObject({ outcome: 'done', moved: true });
    expect(await resume()).toMatchObject({ outcome: 'done', moved: false });
    expect(await anomalies()).toMatchObject([
      { state: 'resumed', endedBy: 'user_ada', pausedAt: expect.any(Date) },
    ]);
    await look();
    await spend('50');
    await look();
    expect(await keyStatus()).toBe('active');
    expect(world.told).toHaveLength(1);
    // Ten times what was called usual for a day; then it is unusual again.
    await later('11 seconds');
    await spend('5');
    await look();
    expect(await keyStatus()).toBe('paused');
    expect(world.told).toHaveLength(2);
  });

  test('a paused key stays paused however long, and passes by being revoked', async () => {
    await spend('6');
    await look();
    await later('3 days');
    await look();
    expect([await keyStatus(), (await anomalies())[0]?.state]).toEqual(['paused', 'open']);
    const { organizationId, apiKeyId: id } = payer;
    await changeKey(world.db.pool, 'revoke', { organizationId, id });
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
  });

  test('a key that was switched off and on again is not paused a second time without a word', async () => {
    await spend('6');
    await look();
    const { organizationId, apiKeyId: id } = payer;
    await changeKey(world.db.pool, 'disable', { organizationId, id });
    await changeKey(world.db.pool, 'enable', { organizationId, id });
    await later('2 hours');
    await look();
    expect((await anomalies())[0]?.state).toBe('passed');
    await spend('7');
    await look();
    expect(await keyStatus()).toBe('paused');
    // Of one key a notice is told once, ever.
    const told = world.told.filter(({ kind }) => kind === 'key_paused').map(({ key }) => key);
    expect(new Set(told).size).toBe(2);
  });

  test('switching a paused key off and on is a person’s answer too: the next anomaly is a new one', async () => {
    await spend('6');
    await look();
    const { organizationId, apiKeyId: id } = payer;
    await changeKey(world.db.pool, 'disable', { organizationId, id });
    const enable = () =>
      world.db.pool.transaction((tx) => enableKey(tx, { organizationId, id }, person));
    expect(await enable()).toMatchObject({ outcome: 'done', moved: true });
    expect(await anomalies()).toMatchObject([{ state: 'resumed', endedBy: 'user_ada' }]);
    await later('11 seconds');
    // Beyond ten times what was called usual.
    await spend('61');
    await look();
    expect([await keyStatus(), world.told.length]).toEqual(['paused', 2]);
  });

  test('a policy that becomes pause later pauses what still goes on, and says so once', async () => {
    await want('alert');
    await spend('6');
    await look();
    await want('pause');
    await spend('0.01');
    await look();
    await look();
    expect(world.told.map(({ kind }) => kind)).toEqual(['key_spend_anomaly', 'key_paused']);
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
    expect(world.told).toHaveLength(1);
    await later('2 hours');
    await look();
    await spend('21.01');
    await look();
    expect(world.told).toHaveLength(2);
    expect(await anomalies()).toHaveLength(2);
  });

  test('can be called expected, once, and then its speed is usual', async () => {
    await spend('6');
    await look();
    const [open] = await anomalies();
    const { organizationId } = payer;
    const answer = () =>
      world.db.pool.transaction((tx) =>
        acknowledge(tx, { organizationId, id: open?.id ?? '' }, person),
      );
    expect((await answer()).outcome).toBe('acknowledged');
    expect((await answer()).outcome).toBe('not_open');
    await later('2 hours');
    await spend('17');
    await look();
    expect(world.told).toHaveLength(1);
  });
});
