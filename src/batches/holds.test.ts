import { describe, expect, test } from 'vitest';
import { pricesOf } from '#catalog/live';
import type { HoldCommand, HoldOutcome } from '#charging/commands';
import { newId } from '#kernel/ids';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import { itemsOf } from '#test/batch-world';
import { MemoryCharging, standing } from '#test/gateway-world';
import { STANDING_EPOCH, standingPrices } from '#test/prices';
import { type CreateDeps, prepareBatch } from './create.ts';

const owner = {
  organizationId: newId('organization', systemEntropy),
  workspaceId: newId('workspace', systemEntropy),
  apiKeyId: newId('apiKey', systemEntropy),
};
const asked = (count: number) => {
  const requests = itemsOf(...Array.from({ length: count }, () => 'ok'));
  return { owner, body: Buffer.from(JSON.stringify({ requests })), upstream: 'default' };
};

/** A store that takes whatever it is given to write down. */
const pool: CreateDeps['pool'] = {
  query: async () => [],
  transaction: (work) => work({ query: async () => [] }),
  close: async () => {},
};
const deps = (charging: MemoryCharging, changes: Partial<CreateDeps> = {}): CreateDeps => ({
  ...{ pool, charging, prices: standingPrices(), entropy: systemEntropy, carriedToolUses: 0 },
  wouldHold: async () => ({ outcome: 'held', available: charging.balance, asOf: standing() }),
  refusesModel: () => false,
  onFailure: () => {},
  ...changes,
});

describe('the holds of a batch', () => {
  test('are taken for every item, each under an id of its own', async () => {
    const charging = new MemoryCharging(10_000_000_000n);
    const made = await prepareBatch(deps(charging), asked(300));
    if (made.outcome !== 'prepared') throw new Error(made.outcome);
    const { id, items } = made.batch;
    expect([...charging.holds.keys()]).toEqual(
      items.map(({ number }) => `req_${id.slice('msgbatch_'.length)}_${number}`),
    );
  });

  test('are taken all or not at all, though others spend at the same time', async () => {
    const charging = new MemoryCharging(10_000_000_000n);
    let taken = 0;
    const hold = charging.hold.bind(charging);
    charging.hold = async (command: HoldCommand): Promise<HoldOutcome> => {
      taken += 1;
      if (taken === 200) charging.balance = charging.available;
      if (taken <= 200) return await hold(command);
      const { available } = charging;
      const asOf = standing();
      return { outcome: 'insufficient_credit', available, required: command.amount, asOf };
    };
    const made = await prepareBatch(deps(charging), asked(300));
    expect(made).toMatchObject({ outcome: 'not_held', why: { outcome: 'insufficient_credit' } });
    expect(charging.holds.size).toBe(0);
    expect(charging.resolved.size).toBe(200);
  });

  test('F88: are taken anew when other prices came into force in between', async () => {
    const charging = new MemoryCharging(10_000_000_000n);
    const newer = pricesOf(STANDING_EPOCH + 1n, bundledBook(), new Map());
    let known = standingPrices().current();
    const hold = charging.hold.bind(charging);
    charging.hold = async (command: HoldCommand): Promise<HoldOutcome> => {
      const answer = await hold(command);
      known = newer;
      if (answer.outcome !== 'held') return answer;
      return { ...answer, asOf: { ...answer.asOf, epoch: newer.epoch } };
    };
    const prices = {
      ...standingPrices(),
      latest: async () => ({ prices: known, now: standing().now }),
    };
    const made = await prepareBatch(deps(charging, { prices }), asked(3));
    expect(made.outcome).toBe('prepared');
    expect(charging.holds.size).toBe(3);
    expect(charging.resolved.size).toBe(3);
  });

  test('go back when the batch cannot be written down', async () => {
    const charging = new MemoryCharging(10_000_000_000n);
    const failing = { ...pool, transaction: () => Promise.reject(new Error('away')) };
    const made = await prepareBatch(deps(charging, { pool: failing }), asked(3));
    expect(made).toMatchObject({ outcome: 'not_held', why: { outcome: 'ledger_unavailable' } });
    expect(charging.holds.size).toBe(0);
  });
});
