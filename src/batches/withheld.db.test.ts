import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Charging } from '#charging/charging';
import {
  type BatchCustomer,
  type BatchNode,
  type BatchWorld,
  batchWorld,
  itemsOf,
  resultsOf,
} from '#test/batch-world';

const sized = 'ok;input_tokens=100;output_tokens=20';

let world: BatchWorld;
let node: BatchNode;
let customer: BatchCustomer;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
});
afterAll(() => world.close());
beforeEach(async () => {
  customer = await world.customer();
});

/** A ledger that can never take item 1 of any batch. */
const rejecting = (): Charging => ({
  ...node.charging,
  settle: async (command) =>
    command.requestId.endsWith('_1')
      ? { outcome: 'rejected' }
      : await node.charging.settle(command),
});
const namesOf = async (at: BatchNode, id: string): Promise<string[]> =>
  [...(await resultsOf(customer.client(at), id)).keys()].sort();

test.each([
  ['a customer', true],
  ['a look at the batch', false],
])(
  'a result the ledger can never take is withheld for good, found so by %s',
  async (_who, read) => {
    const finder = await world.node({ charging: rejecting() });
    const client = customer.client(finder);
    const { id } = await client.messages.batches.create({ requests: itemsOf(sized, sized, sized) });
    await client.messages.batches.retrieve(id);
    if (read) expect(await namesOf(finder, id)).toEqual(['a0', 'a2']);
    else {
      await world.due(customer);
      await finder.gateway.keepBatches();
    }
    // Once more there, at a process whose ledger takes everything, and at one that starts only now.
    for (const at of [finder, node, await world.node()]) {
      expect(await namesOf(at, id)).toEqual(['a0', 'a2']);
    }
  },
);
