import { afterAll, beforeAll, expect, test } from 'vitest';
import { findUnusualKey } from '#test/anomalies';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';

let db: TestDatabase;
let org: string;
let keyId: string;
beforeAll(async () => {
  db = await testDatabase();
  org = (await bursar('org', 'create', 'Acme')).told.id;
  keyId = (await bursar('key', 'create', '--org', org)).told.id;
});
afterAll(() => db.drop());

const bursar = (...words: string[]) => commandLine(db)(...words);

test('what unusual spending leads to is shown and set', async () => {
  expect((await bursar('spend-watch', 'show', '--org', org)).told).toEqual({
    ...{ action: 'alert', set_by: null, set_at: null, anomalies: [] },
  });
  const set = await bursar('spend-watch', 'set', '--org', org, '--action', 'off');
  expect(set.told).toMatchObject({ action: 'off', set_by: 'operator' });
  const wrong = await bursar('spend-watch', 'set', '--org', org, '--action', 'stop');
  expect([wrong.exitCode, wrong.code]).toEqual([2, 'usage']);
  expect((await bursar('spend-watch', 'show', '--org', 'org_NONE')).exitCode).toBe(1);
});

test('a paused key is listed as such and resumed, once; who did is kept', async () => {
  await findUnusualKey(db.pool, { organizationId: org, keyId }, 'pause');
  const { data } = (await bursar('key', 'list', '--org', org)).told;
  expect(data).toMatchObject([{ id: keyId, status: 'paused' }]);
  expect(await bursar('key', 'enable', keyId)).toMatchObject({
    ...{ exitCode: 1, code: 'key_paused', message: expect.stringContaining('key resume') },
  });
  const shown = await commandLine(db).text('spend-watch', 'show', '--org', org);
  expect(shown.stdout).toContain('$8.2 in 5 min');
  expect(shown.stdout).toContain('paused');
  expect((await bursar('key', 'resume', keyId)).told).toMatchObject({ status: 'active' });
  expect((await bursar('key', 'resume', keyId)).exitCode).toBe(0);
  const { anomalies } = (await bursar('spend-watch', 'show', '--org', org)).told;
  expect(anomalies).toMatchObject([{ state: 'resumed', ended_by: 'operator' }]);
  const trail = await db.pool.query({
    text: `SELECT actor FROM identity.audit_events WHERE subject = $1 AND action = 'api_key.resume'`,
    values: [keyId],
  });
  expect(trail).toEqual([{ actor: 'operator' }]);
  expect((await bursar('key', 'resume', 'apikey_NONE')).code).toBe('key_not_found');
});
