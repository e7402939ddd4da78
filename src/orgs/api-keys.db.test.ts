import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  changeKey,
  createApiKey,
  digestKey,
  keyShapeOk,
  listApiKeys,
  mayAddKey,
  revokeApiKey,
} from '#orgs/api-keys';
import { findKeys } from '#orgs/key-lookup';
import { KEY_MOVES, type KeyMoveName, type KeyStatus } from '#orgs/key-states';
import { createOrganization, setOrganizationStatus } from '#orgs/organizations';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';

const pepper = Buffer.from('a pepper that is only for tests.');
const making = { entropy: systemEntropy, pepper };

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const organization = (name: string) =>
  database.pool.transaction((tx) => createOrganization(tx, systemEntropy, { name }));

async function key(of: { organizationId: string; workspaceId: string }, expiresAt?: Date) {
  return await database.pool.transaction((tx) =>
    createApiKey(tx, making, {
      ...of,
      name: 'production',
      kind: 'workspace',
      createdBy: null,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }),
  );
}

async function find(text: string, under = pepper) {
  return (await findKeys(database.pool, [digestKey(under, text)]))[0];
}

describe('the shape of a key', () => {
  test('a made key has the shape, and any single wrong character breaks it', async () => {
    const { key: text } = await key(await organization('Shape'));
    expect(text).toMatch(/^sk-bursar-api01-[A-Za-z0-9_-]{43}-[0-9A-Za-z]{6}$/);
    expect(keyShapeOk(text)).toBe(true);
    for (let at = 0; at < text.length; at++) {
      const wrong = text.charAt(at) === 'x' ? 'y' : 'x';
      expect(keyShapeOk(text.slice(0, at) + wrong + text.slice(at + 1))).toBe(false);
    }
    for (const odd of ['', ' ', `${text} `, `${text}0`, text.slice(0, -1), 'sk-bursar-api01-']) {
      expect(keyShapeOk(odd)).toBe(false);
    }
  });
});

describe('keys in the database', () => {
  test('a key is found by its digest alone, with its organization and workspace', async () => {
    const owner = await organization('Owner');
    const made = await key(owner);
    expect(await find(made.key)).toEqual({
      organizationId: owner.organizationId,
      workspaceId: owner.workspaceId,
      apiKeyId: made.id,
      kind: 'workspace',
      status: 'active',
      organizationStatus: 'active',
      holdPolicy: 'auto',
      tier: null,
      tierCap: null,
      workspaceLimits: null,
    });
    const other = Buffer.from('another pepper');
    expect(await find(made.key, other)).toBeUndefined();
  });

  test('keys asked for together are told apart, in the order of asking', async () => {
    const made = [await key(await organization('A')), await key(await organization('B'))];
    const unknown = digestKey(pepper, 'nobody');
    const [a, b] = made.map((one) => digestKey(pepper, one.key));
    if (a === undefined || b === undefined) throw new Error('two keys were made');
    const found = await findKeys(database.pool, [b, unknown, a, b]);
    const ids = [made[1]?.id, undefined, made[0]?.id, made[1]?.id];
    expect(found.map((one) => one?.apiKeyId)).toEqual(ids);
  });

  test('T7: the text of a key is nowhere in the database', async () => {
    const made = await key(await organization('Dump'));
    const secret = made.key.split('-').slice(3).join('-').slice(0, 43);
    const tables = await database.ownerPool.query<{ name: string }>({
      text: `SELECT format('%I.%I', table_schema, table_name) AS name
        FROM information_schema.tables WHERE table_type = 'BASE TABLE'
        AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    });
    expect(tables.length).toBeGreaterThan(10);
    let hints = 0;
    for (const { name } of tables) {
      const rows = await database.ownerPool.query<{ row: string }>({
        text: `SELECT t::text AS row FROM ${name} t`,
      });
      for (const { row } of rows) {
        if (row.includes(made.hint)) hints++;
        for (const form of [made.key, secret, Buffer.from(made.key).toString('hex')]) {
          expect(row.includes(form)).toBe(false);
        }
      }
    }
    // The search does look where keys are: it found the hint.
    expect(hints).toBe(1);
  });

  test('a revoked key is found as revoked, for good, from the first revocation on', async () => {
    const owner = await organization('Revoke');
    const made = await key(owner);
    const once = await revokeApiKey(database.pool, { ...owner, id: made.id });
    const twice = await revokeApiKey(database.pool, { id: made.id });
    expect([once?.status, twice?.status]).toEqual(['revoked', 'revoked']);
    expect((await find(made.key))?.status).toBe('revoked');
  });

  test('a key past its end is expired', async () => {
    const made = await key(await organization('Expiry'), new Date(0));
    expect((await find(made.key))?.status).toBe('expired');
  });

  test('a key of a suspended organization says so', async () => {
    const owner = await organization('Suspended');
    const made = await key(owner);
    await setOrganizationStatus(database.pool, owner.organizationId, 'suspended');
    expect((await find(made.key))?.organizationStatus).toBe('suspended');
  });

  test('T11: another organization can neither see nor revoke a key', async () => {
    const made = await key(await organization('Mine'));
    const { organizationId } = await organization('Theirs');
    expect(await revokeApiKey(database.pool, { organizationId, id: made.id })).toBeUndefined();
    expect(await listApiKeys(database.pool, organizationId)).toEqual([]);
    expect((await find(made.key))?.status).toBe('active');
  });
});

describe('the states of a key', () => {
  const make: Readonly<Record<KeyStatus, () => Promise<{ id: string; key: string }>>> = {
    active: async () => key(await organization('Active')),
    inactive: async () => moved(await key(await organization('Disabled')), 'disable'),
    paused: async () => moved(await key(await organization('Paused')), 'pause'),
    revoked: async () => moved(await key(await organization('Revoked')), 'revoke'),
    expired: async () => key(await organization('Expired'), new Date(0)),
  };
  async function moved<K extends { id: string }>(made: K, move: KeyMoveName): Promise<K> {
    expect((await changeKey(database.pool, move, made)).outcome).toBe('done');
    return made;
  }

  const rows = (['active', 'inactive', 'paused', 'revoked', 'expired'] as const).flatMap((from) =>
    (['disable', 'enable', 'pause', 'resume', 'revoke'] as const).map((move) => ({ from, move })),
  );
  test.each(rows)('$move of a key that is $from goes as the table says', async ({ from, move }) => {
    const made = await make[from]();
    const { from: allowed, to } = KEY_MOVES[move];
    const told = await changeKey(database.pool, move, made);
    const may = (allowed as readonly KeyStatus[]).includes(from);
    if (may) expect(told).toMatchObject({ outcome: 'done', moved: true, key: { status: to } });
    else if (from === to) expect(told).toMatchObject({ outcome: 'done', moved: false });
    else expect(told).toEqual({ outcome: 'refused', status: from });
    expect((await find(made.key))?.status).toBe(may ? to : from);
  });

  test('a key that was disabled before its end is expired after it, not to be enabled', async () => {
    const made = await make.expired();
    await database.ownerPool.query({
      text: `UPDATE orgs.api_keys SET status = 'inactive' WHERE id = $1`,
      values: [made.id],
    });
    const refused = { outcome: 'refused', status: 'expired' };
    expect(await changeKey(database.pool, 'enable', made)).toEqual(refused);
    expect((await find(made.key))?.status).toBe('expired');
  });

  test('disabled keys count as keys, revoked and expired ones do not', async () => {
    const owner = await organization('Full');
    const one = await key(owner);
    await database.ownerPool.query({
      text: `INSERT INTO orgs.api_keys
          (organization_id, id, workspace_id, kind, name, hint, status, expires_at)
        SELECT organization_id, id || n, workspace_id, kind, name, hint,
               (ARRAY['active', 'inactive', 'revoked', 'active'])[1 + least(n / 500, 3)],
               CASE WHEN n >= 1500 THEN now() - interval '1 day' END
          FROM orgs.api_keys, generate_series(1, 1999) AS n
         WHERE organization_id = $1`,
      values: [owner.organizationId],
    });
    expect(await mayAddKey(database.pool, owner.organizationId)).toBe(false);
    await changeKey(database.pool, 'revoke', { ...owner, id: one.id });
    expect(await mayAddKey(database.pool, owner.organizationId)).toBe(true);
  });

  test.each([
    ['expires_at', 'now()'],
    ['workspace_id', `'wrkspc_other'`],
    ['kind', `'admin'`],
  ])('what a key was made with stays: the application cannot write %s', async (column, value) => {
    const changing = database.pool.query({ text: `UPDATE orgs.api_keys SET ${column} = ${value}` });
    await expect(changing).rejects.toThrow('permission denied');
  });
});
