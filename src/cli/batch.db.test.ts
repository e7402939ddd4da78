import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BatchWorld, batchWorld, itemsOf, resultsOf } from '#test/batch-world';
import { commandLine } from '#test/command-line';

const sized = 'ok;input_tokens=100;output_tokens=20';

let world: BatchWorld;
beforeAll(async () => {
  world = await batchWorld();
});
afterAll(() => world.close());

const bursar = (...words: string[]) => commandLine(world.db).text(...words);
const shown = async (id: string) =>
  JSON.parse((await bursar('batch', 'show', id, '--json')).stdout);

test('a batch is shown with its state, its money and its upstream, whatever became of it', async () => {
  const node = await world.node();
  const customer = await world.customer();
  const org = customer.organizationId;
  const client = customer.client(node, 'polls=2');
  const first = await client.messages.batches.create({ requests: itemsOf(sized, 'errored') });
  const running = await shown(first.id);
  expect(running).toMatchObject({
    organization_id: org,
    state: 'in_progress',
    items: 2,
    request_counts: { processing: 2 },
    charged_usd: '0',
    upstream: 'default',
    upstream_id: expect.stringMatching(/^msgbatch_sim/),
    ended_at: null,
  });
  expect(Number.parseFloat(running.held_usd)).toBeGreaterThan(0.001);
  await client.messages.batches.retrieve(first.id);
  await client.messages.batches.retrieve(first.id);
  await resultsOf(client, first.id);
  expect(await shown(first.id)).toMatchObject({
    ...{ state: 'settled', held_usd: '0', charged_usd: '0.0005' },
    request_counts: { processing: 0, succeeded: 1, errored: 1 },
  });
  const text = (await bursar('batch', 'show', first.id)).stdout;
  expect(text).toContain('1 succeeded, 1 errored');
  expect(text).toContain('$0.0005');
  await client.messages.batches.delete(first.id);
  const refused = { headers: { 'x-sim-scenario': 'error_400' } };
  await expect(
    client.messages.batches.create({ requests: itemsOf(sized) }, refused),
  ).rejects.toMatchObject({ status: 400 });
  const listed = JSON.parse((await bursar('batch', 'list', '--org', org, '--json')).stdout);
  expect(listed.data.map(({ state }: { state: string }) => state)).toEqual(['refused', 'deleted']);
  const table = (await bursar('batch', 'list', '--org', org, '--limit', '1')).stdout;
  expect(table.trimEnd().split('\n')).toHaveLength(1);
});

test('an organization without batches is told so, and the list has the shape of every list', async () => {
  const { organizationId } = await world.customer();
  const words = ['batch', 'list', '--org', organizationId];
  expect((await bursar(...words)).stdout.trim()).toBe('No batches.');
  expect(JSON.parse((await bursar(...words, '--json')).stdout)).toEqual({ data: [] });
});

test.each([
  [['show', 'nonsense'], 'bad_batch_id'],
  [['show', 'msgbatch_01M7Z6SXB7AE4KJXXHH2HSXRYX'], 'batch_not_found'],
  [['list', '--org', 'org_nobody'], 'organization_not_found'],
])('batch %j is refused as %s', async (words, code) => {
  const told = await bursar('batch', ...words, '--json');
  expect([told.exitCode, JSON.parse(told.stderr).error.code]).toEqual([1, code]);
});

test('a limit that is none is refused', async () => {
  const { organizationId } = await world.customer();
  const told = await bursar('batch', 'list', '--org', organizationId, '--limit', 'many', '--json');
  expect(JSON.parse(told.stderr).error.code).toBe('invalid_limit');
});
