import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FileOwners, type FilePosition, type FileScope, fileOwners } from '#orgs/files';
import { createOrganization } from '#orgs/organizations';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';

let database: TestDatabase;
let owners: FileOwners;
let scope: FileScope;
beforeAll(async () => {
  database = await testDatabase();
  owners = fileOwners(database.pool);
});
afterAll(() => database.drop());
beforeEach(async () => {
  scope = await database.pool.transaction((tx) =>
    createOrganization(tx, systemEntropy, { name: 'Files' }),
  );
});

const file = (id: string, sizeBytes = 1) => ({ id, sizeBytes, expiresAt: null });

async function pages(limit: number): Promise<string[][]> {
  const found: string[][] = [];
  let from: FilePosition | undefined;
  do {
    const page = await owners.page(scope, from, limit);
    found.push([...page.ids]);
    from = page.next ?? undefined;
  } while (from !== undefined);
  return found;
}

test('pages hold every file once, newest first, also those of one moment', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e']) await owners.record(scope, file(id));
  await database.ownerPool.query({
    text: `UPDATE orgs.files SET uploaded_at = '2026-01-01T00:00:00.123Z'
      WHERE organization_id = $1 AND id IN ('b', 'c', 'd')`,
    values: [scope.organizationId],
  });
  const inOrder = ['e', 'a', 'd', 'c', 'b'];
  expect(await pages(2)).toEqual([inOrder.slice(0, 2), inOrder.slice(2, 4), inOrder.slice(4)]);
  expect(await pages(5)).toEqual([inOrder]);
  await owners.forget(scope, 'a');
  expect((await pages(5)).flat()).not.toContain('a');
});

test('noting an upload twice is the same as once', async () => {
  await owners.record(scope, file('twice', 7));
  await owners.record(scope, file('twice', 7));
  expect(await pages(5)).toEqual([['twice']]);
});

test('what is stored counts over all workspaces, to the byte, and only while it is there', async () => {
  const most = 107_374_182_400;
  await owners.record(scope, file('most', most - 10));
  expect([await owners.mayStore(scope, 10), await owners.mayStore(scope, 11)]).toEqual([
    true,
    false,
  ]);
  const beside = { ...scope, workspaceId: 'wrkspc_beside' };
  await database.ownerPool.query({
    text: `INSERT INTO orgs.workspaces (organization_id, id, name) VALUES ($1, $2, 'Beside')`,
    values: [beside.organizationId, beside.workspaceId],
  });
  expect(await owners.mayStore(beside, 11)).toBe(false);
  await owners.record(scope, { ...file('gone', 10), expiresAt: new Date(0) });
  expect(await owners.mayStore(scope, 10)).toBe(true);
  await owners.forget(scope, 'most');
  expect(await owners.mayStore(beside, most)).toBe(true);
});
