import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiKey, digestKey, keyShapeOk, listApiKeys, revokeApiKey } from '#orgs/api-keys';
import { findKey } from '#orgs/key-lookup';
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

const find = (text: string) => findKey(database.pool, digestKey(pepper, text));

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
    });
    const other = Buffer.from('another pepper');
    expect(await findKey(database.pool, digestKey(other, made.key))).toBeUndefined();
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
