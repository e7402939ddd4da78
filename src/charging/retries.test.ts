import { expect, test } from 'vitest';
import { openCharging } from '#charging/charging';
import type { Pool, Statement } from '#db/pool';
import { newId, type OrganizationId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { systemEntropy } from '#src/system';
import { recordOf } from '#test/ledger-world';

type Answer = unknown[] | 'fails' | { readonly code: string };

/** A lane that says what the test wants, and remembers what it was asked. */
function scripted(answers: Answer[]): { lane: Pool; asked: Statement[] } {
  const asked: Statement[] = [];
  const lane: Pool = {
    async query<Row>(statement: Statement): Promise<Row[]> {
      asked.push(structuredClone(statement));
      const answer = answers.shift() ?? [];
      if (answer === 'fails') throw new Error('gone');
      if (!Array.isArray(answer)) throw Object.assign(new Error('failed'), answer);
      return JSON.parse(JSON.stringify(answer), revived);
    },
    transaction: () => Promise.reject(new Error('no transactions here')),
    close: () => Promise.resolve(),
  };
  return { lane, asked };
}

function revived(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (key.endsWith('_now')) return new Date(value);
  return /_(nanos|epoch)$/.test(key) ? BigInt(value) : value;
}

const payer = {
  organizationId: newId('organization', systemEntropy),
  workspaceId: newId('workspace', systemEntropy),
  apiKeyId: newId('apiKey', systemEntropy),
};
/** More than a float can hold. */
const AMOUNT = nanos(9_007_199_254_740_993n);
const now = new Date('2026-11-21T12:00:00Z');
const held = {
  ...{ outcome: 'held', available_nanos: '7', limit_level: null, limit_subject: null },
  ...{ price_epoch: '4', business_now: now },
};
const heldOutcome = { outcome: 'held', available: 7n, asOf: { epoch: 4n, now } };

function holding(answers: Answer[]) {
  const { lane, asked } = scripted(answers);
  const charging = openCharging({ holdLane: lane, settleLane: lane });
  const ask = (organizationId: OrganizationId = payer.organizationId) => {
    const requestId = newId('request', systemEntropy);
    return charging.hold({ ...payer, organizationId, requestId, amount: AMOUNT });
  };
  return { charging, asked, ask };
}

test.each(['40001', '40P01'])(
  'a statement that failed with %s runs again as it was',
  async (code) => {
    const { asked, ask, charging } = holding([{ code }, { code }, [held]]);
    expect(await ask()).toEqual(heldOutcome);
    expect(asked).toHaveLength(3);
    expect(asked[0]?.values).toContainEqual([AMOUNT]);
    expect(asked[1]).toEqual(asked[0]);
    expect(asked[2]).toEqual(asked[0]);
    await charging.close();
  },
);

test('it is not run for ever', async () => {
  const { asked, ask, charging } = holding(Array(9).fill({ code: '40P01' }));
  expect(await ask()).toEqual({ outcome: 'ledger_unavailable' });
  expect(asked).toHaveLength(3);
  await charging.close();
});

test('a hold whose settlement was not answered is kept alive until one is', async () => {
  const settled = { outcome: 'settled', charged_nanos: '3', overrun_nanos: '0', late: false };
  const { lane, asked } = scripted([
    [held],
    'fails',
    [],
    [{ ...settled, available_nanos: '4' }],
    [],
  ]);
  const charging = openCharging({ holdLane: lane, settleLane: lane });
  const requestId = newId('request', systemEntropy);
  const settlement = {
    ...{ organizationId: payer.organizationId, requestId, resolution: 'settle' as const },
    ...{ cost: nanos(3n), record: recordOf(payer) },
  };
  await charging.hold({ ...payer, requestId, amount: nanos(5n) });
  expect(await charging.settle(settlement)).toEqual({ outcome: 'ledger_unavailable' });
  await charging.renew();
  expect(asked.at(-1)?.values?.[1]).toEqual([requestId]);
  expect(await charging.settle(settlement)).toMatchObject({ outcome: 'settled' });
  const before = asked.length;
  await charging.renew();
  expect(asked).toHaveLength(before);
  await charging.close();
});
