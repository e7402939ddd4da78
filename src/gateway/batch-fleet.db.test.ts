import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startModelSim } from '#sims/model-sim/server';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  resultsOf,
} from '#test/batch-world';
import { usd } from '#test/ledger-world';
import type { UpstreamSpec } from './upstream-choice.ts';
import { AT_BOOK_COST } from './upstream-fleet.ts';

const sized = 'ok;input_tokens=100;output_tokens=20';
const ITEM = usd('0.0005');

let world: BatchWorld;
let other: Awaited<ReturnType<typeof startModelSim>>;
let node: BatchNode;
let customer: BatchCustomer;
let replace: (specs: readonly UpstreamSpec[]) => void;
const told: string[] = [];

const spec = (name: string, url: string, weight = 1): UpstreamSpec => ({
  ...{ name, url, key: 'operator-key', weight, models: undefined, costShare: AT_BOOK_COST },
});
const east = (weight?: number) => spec('east', world.sim.url, weight);
const west = (weight?: number) => spec('west', other.url, weight);

beforeAll(async () => {
  world = await batchWorld();
  other = await startModelSim({ host: '127.0.0.1', port: 0 });
  node = await world.node({
    upstream: {
      specs: () => [east(), west()],
      onChange(changed) {
        replace = changed;
      },
    },
    logger: { level: 'error', stream: { write: (line: string) => void told.push(line) } },
  });
});
afterAll(async () => {
  await world.close();
  await other.close();
});
beforeEach(async () => {
  customer = await world.customer();
  replace([east(), west()]);
  told.length = 0;
});

const made = async (behaviour?: string): Promise<string> => {
  const requests = itemsOf(sized, sized);
  return (await customer.client(node, behaviour).messages.batches.create({ requests })).id;
};
test('a batch goes on where it was made, whatever is first or weighs more by then', async () => {
  const id = await made();
  replace([west(9), east(0)]);
  const client = customer.client(node);
  expect((await client.messages.batches.retrieve(id)).processing_status).toBe('ended');
  expect((await resultsOf(client, id)).size).toBe(2);
  const later = await made();
  replace([east(), west()]);
  expect((await resultsOf(client, later)).size).toBe(2);
  expect(await client.messages.batches.delete(id)).toMatchObject({ id });
  const rows = await world.db.pool.query<{ upstream: string }>({
    text: 'SELECT upstream FROM batches.batches WHERE organization_id = $1 ORDER BY id',
    values: [customer.organizationId],
  });
  expect(rows.map(({ upstream }) => upstream)).toEqual(['east', 'west']);
});

test('one of the release before is looked for at the first', async () => {
  const id = await made();
  await world.db.pool.query({
    text: 'UPDATE batches.batches SET upstream = NULL WHERE id = $1',
    values: [id],
  });
  expect((await resultsOf(customer.client(node), id)).size).toBe(2);
});

test('without its upstream it is a 503, the operator is told, and all stays held', async () => {
  const id = await made();
  const { held } = await world.balance(customer);
  replace([west()]);
  const client = customer.client(node);
  for (const asking of [
    () => client.messages.batches.retrieve(id),
    () => client.get(`/v1/messages/batches/${id}/results`),
    () => client.messages.batches.cancel(id),
    () => client.messages.batches.delete(id),
  ]) {
    const refused = await asking().catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 503, errorCode: 'upstream_removed' });
    expect(String(refused)).not.toContain('east');
  }
  told.length = 0;
  await world.due(customer);
  await node.gateway.keepBatches();
  expect(told.join()).toContain('its upstream is not in the configuration');
  expect(told.join()).toContain('"upstream":"east"');
  expect(await world.balance(customer)).toMatchObject({ held });
  expect((await client.messages.batches.list()).data).toMatchObject([{ id }]);
  replace([west(), east()]);
  expect((await resultsOf(client, id)).size).toBe(2);
  expect(await world.balance(customer)).toMatchObject({
    available: usd('5') - 2n * ITEM,
    held: 0n,
  });
});
