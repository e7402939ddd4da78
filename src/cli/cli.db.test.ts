import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { commandLine } from '#test/command-line';
import { type TestDatabase, testDatabase } from '#test/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const bursar = (...words: string[]) => commandLine(database).text(...words);

/** What a verb answered as JSON; fails the test if it did not do the thing. */
async function answer(...words: string[]) {
  const { exitCode, stdout, stderr } = await bursar(...words, '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

const organization = async (): Promise<string> => (await answer('org', 'create', 'Acme')).id;

test('a new organization is answered with its id, name and workspace, and is listed', async () => {
  const made = await answer('org', 'create', 'Acme', '--owner-email', 'Ada@Example.com');
  expect(made).toEqual({
    id: expect.stringMatching(/^org_/),
    name: 'Acme',
    workspace_id: expect.stringMatching(/^wrkspc_/),
  });
  const { data } = await answer('org', 'list');
  const { id, workspace_id } = made;
  expect(data).toContainEqual(expect.objectContaining({ id, workspace_id, status: 'active' }));
});

test('workspaces are listed, the default one first, and more can be made, up to a hundred', async () => {
  const made = await answer('org', 'create', 'Acme');
  const staging = await answer('workspace', 'create', 'Staging', '--org', made.id);
  expect(staging).toMatchObject({ name: 'Staging', is_default: false });
  const { data } = await answer('workspace', 'list', '--org', made.id);
  expect(data).toEqual([
    expect.objectContaining({ id: made.workspace_id, name: 'Default', is_default: true }),
    staging,
  ]);
  const key = await answer('key', 'create', '--org', made.id, '--workspace', staging.id);
  expect(key.key).toMatch(/^sk-bursar-api01-/);
  await database.ownerPool.query({
    text: `INSERT INTO orgs.workspaces (organization_id, id, name)
             SELECT $1, 'wrkspc_' || n, 'n' FROM generate_series(3, 100) AS n`,
    values: [made.id],
  });
  const full = await bursar('workspace', 'create', 'One more', '--org', made.id, '--json');
  expect(JSON.parse(full.stderr).error.code).toBe('too_many_workspaces');
  for (const words of [
    ['list', '--org', 'org_nobody'],
    ['create', 'X', '--org', 'org_nobody'],
  ]) {
    const unknown = await bursar('workspace', ...words, '--json');
    expect(JSON.parse(unknown.stderr).error.code).toBe('organization_not_found');
  }
  const odd = await bursar('workspace', 'create', 'A\u0007B', '--org', made.id, '--json');
  expect(JSON.parse(odd.stderr).error.code).toBe('invalid_name');
});

test('what is held for streams is the organization’s to choose, and leaves who and what', async () => {
  const id = await organization();
  expect(await answer('org', 'holds', id)).toEqual({ id, hold_policy: 'auto' });
  expect(await answer('org', 'holds', id, '--policy', 'sliced')).toEqual({
    id,
    hold_policy: 'sliced',
  });
  expect(await answer('org', 'holds', id)).toEqual({ id, hold_policy: 'sliced' });
  expect((await bursar('org', 'holds', id, '--policy', 'none')).exitCode).not.toBe(0);
  const unknown = await bursar('org', 'holds', 'org_nobody', '--policy', 'full', '--json');
  expect(unknown.exitCode).not.toBe(0);
  expect(JSON.parse(unknown.stderr).error.code).toBe('organization_not_found');
  const trail = await database.pool.query({
    text: `SELECT actor, reason FROM identity.audit_events
            WHERE organization_id = $1 AND action = 'organization.hold_policy'`,
    values: [id],
  });
  expect(trail).toEqual([{ actor: 'operator', reason: 'sliced' }]);
});

test('without one to set, the tier there is is told, and which applies', async () => {
  const id = await organization();
  expect(await answer('org', 'tier', id)).toMatchObject({ id, tier: null, applies: 'none' });
  await answer('org', 'tier', id, '--tier', 'scale');
  expect(await answer('org', 'tier', id)).toMatchObject({ tier: 'scale', applies: 'scale' });
  expect((await bursar('org', 'tier', id)).stdout).toBe('Acme is in tier scale.\n');
  expect((await bursar('org', 'tier', 'org_nobody')).stderr).toContain('no organization');
});

test('a tier is set, lifted and left to the default, and others are refused by name', async () => {
  const id = await organization();
  expect(await answer('org', 'tier', id, '--tier', 'build')).toMatchObject({ id, tier: 'build' });
  expect(await answer('org', 'tier', id, '--tier', 'none')).toMatchObject({ tier: 'none' });
  const { data } = await answer('org', 'list');
  expect(data).toContainEqual(expect.objectContaining({ id, tier: 'none' }));
  expect(await answer('org', 'tier', id, '--tier', 'default')).toMatchObject({ tier: null });
  const wrong = await bursar('org', 'tier', id, '--tier', 'gold');
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('start, build')]);
  expect((await bursar('org', 'tier', 'org_x', '--tier', 'build')).exitCode).toBe(1);
  const trail = await database.pool.query({
    text: `SELECT reason FROM identity.audit_events
            WHERE subject = $1 AND action = 'organization.tier' ORDER BY id`,
    values: [id],
  });
  expect(trail).toEqual([{ reason: 'build' }, { reason: 'none' }, { reason: 'default' }]);
});

test('suspending and resuming answer the organization and leave who, what and why', async () => {
  const id = await organization();
  expect(await answer('org', 'suspend', id, '--reason', 'late')).toMatchObject({
    id,
    status: 'suspended',
  });
  expect(await answer('org', 'resume', id)).toMatchObject({ id, status: 'active' });
  const trail = await database.pool.query({
    text: `SELECT actor, action, reason FROM identity.audit_events
            WHERE organization_id = $1 AND subject = $1 AND action <> 'organization.create'
            ORDER BY id`,
    values: [id],
  });
  expect(trail).toEqual([
    { actor: 'operator', action: 'organization.suspend', reason: 'late' },
    { actor: 'operator', action: 'organization.resume', reason: null },
  ]);
});

test.each([
  ['Ac\r\nme', 'U+000D'],
  ['Ac\nme', 'U+000A'],
  ['Ac\u001b[2Jme', 'U+001B'],
  ['Ac\u0085me', 'U+0085'],
])('an organization is not called %j, and the answer says why', async (name, which) => {
  const told = await bursar('org', 'create', name, '--json');
  expect([told.exitCode, told.stdout]).toEqual([1, '']);
  const { code, message } = JSON.parse(told.stderr).error;
  expect([code, message]).toEqual(['invalid_name', expect.stringContaining(which)]);
});

test('a limit is set, listed with its level and when it was reached, and removed', async () => {
  const org = await organization();
  expect((await bursar('limit', 'list', '--org', org)).stdout).toBe('no limits\n');
  const set = (usd: string) => answer('limit', 'set', '--org', org, '--usd', usd);
  expect(await set('25.5')).toMatchObject({ level: 'organization', amount_usd: '25.5' });
  const line = `organization  ${org}  $25.5  notify_and_pause  charged $0  held $0  set by operator WHEN`;
  const listed = async () =>
    (await bursar('limit', 'list', '--org', org)).stdout.replace(/operator \S+Z/, 'operator WHEN');
  expect(await listed()).toBe(`${line}\n`);
  await database.ownerPool.query({
    text: `UPDATE orgs.spend_limits SET reached_at = '2026-05-04T03:02:01Z'
            WHERE organization_id = $1`,
    values: [org],
  });
  expect(await listed()).toBe(`${line}  reached 2026-05-04T03:02:01.000Z\n`);
  expect(await set('0')).toMatchObject({ amount_usd: '0' });
  const removed = { level: 'organization', subject_id: org, amount_usd: null };
  expect(await set('none')).toEqual(removed);
  expect(await answer('limit', 'list', '--org', org)).toEqual({ data: [] });
  const reasons = await database.pool.query({
    text: `SELECT reason FROM identity.audit_events
            WHERE organization_id = $1 AND action = 'spend_limit.set' ORDER BY id`,
    values: [org],
  });
  const expected = ['$25.5 notify_and_pause', '$0 notify_and_pause', 'none'];
  expect(reasons).toEqual(expected.map((reason) => ({ reason })));
  const { data: changes } = z
    .object({ data: z.array(z.looseObject({ at: z.iso.datetime() })) })
    .parse(await answer('limit', 'changes', '--org', org));
  const by = { set_by: 'operator', set_by_type: 'operator', level: 'organization' };
  expect(changes).toMatchObject([
    { ...by, amount_usd: null, previous_amount_usd: '0', action: null },
    { ...by, amount_usd: '0', previous_amount_usd: '25.5', action: 'notify_and_pause' },
    { ...by, amount_usd: '25.5', previous_amount_usd: null, subject_id: org },
  ]);
});

test.each(['-1', '1e3', 'None', ''])('a limit of %j is misuse and changes nothing', async (usd) => {
  const org = await organization();
  const told = await bursar('limit', 'set', '--org', org, '--usd', usd, '--json');
  expect([told.exitCode, JSON.parse(told.stderr).error]).toEqual([
    2,
    { code: 'usage', message: expect.stringContaining('--usd') },
  ]);
  expect(await answer('limit', 'list', '--org', org)).toEqual({ data: [] });
});

test('a key that would be expired at once is refused', async () => {
  const id = await organization();
  const told = await bursar('key', 'create', '--org', id, '--expires', '2020-01-01', '--json');
  expect([told.exitCode, JSON.parse(told.stderr).error.code]).toEqual([1, 'already_expired']);
});

test('credit that is granted is available to the nano-dollar', async () => {
  const id = await organization();
  const grant = await answer('grant', '--org', id, '--usd', '5.000000001', '--reason', 'hello');
  expect(grant).toEqual({
    id: expect.stringMatching(/^grant_/),
    amount_usd: '5.000000001',
    expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(await answer('balance', '--org', id)).toEqual({
    available_usd: '5.000000001',
    held_usd: '0',
    frozen_usd: '0',
    debt_usd: '0',
    grants: [
      expect.objectContaining({
        id: grant.id,
        kind: 'promotional',
        amount_usd: '5.000000001',
        remaining_usd: '5.000000001',
        expires_at: grant.expires_at,
      }),
    ],
  });
});

test.each([
  [['--usd', '0'], 'invalid_amount'],
  [['--usd', '-5'], 'invalid_amount'],
  [['--usd', '1e3'], 'invalid_amount'],
  [['--usd', '5', '--kind', 'purchase'], 'invalid_kind'],
  [['--usd', '5', '--expires', 'tomorrow'], 'invalid_time'],
  [['--usd', '5', '--expires', '2001-01-01'], 'already_expired'],
])('a grant of %j is refused as %s, by the name of the option', async (words, code) => {
  const told = await bursar('grant', '--org', await organization(), ...words, '--json');
  expect([told.exitCode, told.stdout]).toEqual([1, '']);
  const message = expect.stringContaining(words.at(-2) ?? '');
  expect(JSON.parse(told.stderr)).toEqual({ error: { code, message } });
});

test('a key is shown once when made, and revoked for good', async () => {
  const id = await organization();
  const key = await answer('key', 'create', '--org', id, '--name', 'ci');
  expect(key).toEqual({
    id: expect.stringMatching(/^apikey_/),
    key: expect.stringMatching(/^sk-bursar-api01-/),
  });
  const admin = await answer('key', 'create', '--org', id, '--admin');
  expect(admin.key).toMatch(/^sk-bursar-admin01-/);
  const revoked = await answer('key', 'revoke', key.id);
  expect(revoked).toMatchObject({ id: key.id, name: 'ci', status: 'revoked' });
  expect(JSON.stringify(revoked)).not.toContain(key.key);
});

test('a key is switched off and on, and listed as it is', async () => {
  const id = await organization();
  const key = await answer('key', 'create', '--org', id, '--name', 'ci', '--expires', '7d');
  const { id: keyId } = key;
  expect(await answer('key', 'disable', keyId)).toMatchObject({ id: keyId, status: 'inactive' });
  expect(await answer('key', 'disable', keyId)).toMatchObject({ id: keyId, status: 'inactive' });
  const { data } = await answer('key', 'list', '--org', id);
  expect(data).toMatchObject([{ id: keyId, name: 'ci', status: 'inactive' }]);
  const lifetime = Date.parse(data[0].expires_at) - Date.parse(data[0].created_at);
  expect(Math.abs(lifetime - 7 * 86_400_000)).toBeLessThan(60_000);
  expect(JSON.stringify(data)).not.toContain(key.key);
  expect(await answer('key', 'enable', keyId)).toMatchObject({ id: keyId, status: 'active' });
  await answer('key', 'revoke', keyId);
  const refused = await bursar('key', 'enable', keyId, '--json');
  expect([refused.exitCode, JSON.parse(refused.stderr).error.code]).toEqual([1, 'key_revoked']);
  const events = await database.ownerPool.query<{ action: string }>({
    text: 'SELECT action FROM identity.audit_events WHERE subject = $1 ORDER BY id',
    values: [keyId],
  });
  expect(events.map(({ action }) => action)).toEqual([
    'api_key.create',
    'api_key.disable',
    'api_key.enable',
    'api_key.revoke',
  ]);
});

test.each([
  ['tomorrow', 'invalid_time'],
  ['2d', 'invalid_time'],
  ['2001-01-01', 'already_expired'],
  ['9999-01-01', 'too_late'],
])('a key that is to end at %s is refused as %s', async (end, code) => {
  const words = ['key', 'create', '--org', await organization(), '--expires', end, '--json'];
  const told = await bursar(...words);
  expect([told.exitCode, told.stdout]).toEqual([1, '']);
  const message = expect.stringContaining('--expires');
  expect(JSON.parse(told.stderr)).toEqual({ error: { code, message } });
});

test('a key for a workspace that is not there is refused by its name', async () => {
  const org = await organization();
  const words = ['--org', org, '--workspace', 'wrkspc_nope', '--json'];
  const told = await bursar('key', 'create', ...words);
  const message = `${org} has no workspace wrkspc_nope.`;
  expect([told.exitCode, JSON.parse(told.stderr)]).toEqual([
    1,
    { error: { code: 'subject_not_found', message } },
  ]);
});

test('the ledger of a fresh system is in order', async () => {
  const { ok, entries, checks } = await answer('ledger', 'verify');
  expect([ok, typeof entries]).toEqual([true, 'number']);
  expect(checks[0]).toEqual({ name: expect.any(String), ok: true, violations: [] });
});

test('the clock moves only where money is simulated', async () => {
  const refused = await bursar('clock', 'advance', '1d', '--json');
  expect(refused.exitCode).toBe(1);
  expect(JSON.parse(refused.stderr).error.code).toBe('clock_not_simulated');
  await database.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const before = Date.parse((await answer('clock', 'show')).now);
  const after = Date.parse((await answer('clock', 'advance', '366d')).now);
  expect(after - before).toBeGreaterThanOrEqual(366 * 86_400_000);
});

test('a sign-in link is for the Console', async () => {
  const { url } = await answer('sign-in-link', '--email', 'ada@example.com');
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:4000\/sign-in\?token=/);
});

test.each([
  [['balance', '--org', 'org_nobody'], 1, 'organization_not_found'],
  [['key', 'revoke', 'apikey_nobody'], 1, 'key_not_found'],
  [['key', 'disable', 'apikey_nobody'], 1, 'key_not_found'],
  [['key', 'list', '--org', 'org_nobody'], 1, 'organization_not_found'],
  [['purchase', 'show', 'pur_nobody'], 1, 'purchase_not_found'],
  [['request', 'show', 'req_nobody'], 1, 'request_not_found'],
  [['balance'], 2, 'usage'],
  [['nonsense'], 2, 'usage'],
  [[], 2, 'usage'],
])('%j exits with %i and the error %s on standard error', async (words, exitCode, code) => {
  const told = await bursar(...words, '--json');
  expect([told.exitCode, told.stdout]).toEqual([exitCode, '']);
  expect(JSON.parse(told.stderr)).toEqual({ error: { code, message: expect.any(String) } });
});

test('without --json people get sentences', async () => {
  const told = await bursar('balance', '--org', 'org_nobody');
  expect(told).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'There is no organization org_nobody.\n',
  });
  expect((await bursar('--help')).stdout).toContain('sign-in-link');
});
