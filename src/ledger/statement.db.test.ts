import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseUsd, sum } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { exportStatement } from '#ledger/export';
import { sealLedger } from '#ledger/seals';
import { readStatement, type StatementLine } from '#ledger/statement';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  node = chargingOn(db.url);
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

async function spend(payer: Payer, times: number): Promise<void> {
  for (let request = 0; request < times; request++) {
    const { id } = await hold(node.charging, payer, usd('0.5'));
    await settle(node.charging, payer, id, usd('0.300000001'));
  }
}

async function everyLine(payer: Payer, limit: number): Promise<StatementLine[]> {
  const lines: StatementLine[] = [];
  for (;;) {
    const before = lines.at(-1)?.seq;
    const page = await readStatement(db.pool, payer.organizationId, {
      limit,
      ...(before === undefined ? {} : { before }),
    });
    lines.push(...page.lines);
    if (!page.hasMore) return lines;
  }
}

async function exported(payer: Payer, format: 'csv' | 'jsonl', range = {}): Promise<string> {
  let text = '';
  const { organizationId } = payer;
  for await (const part of exportStatement(db.pool, { organizationId, format, ...range })) {
    text += part;
  }
  return text;
}

test('every line says what all grants had left after it, on any page, sealed or not', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1'));
  await give(db.pool, payer, usd('2'), { kind: 'promotional' });
  await spend(payer, 4);
  await sealLedger(db.pool);
  await spend(payer, 2);
  for (const limit of [1, 3, 100]) {
    const lines = (await everyLine(payer, limit)).reverse();
    let total = 0n;
    for (const line of lines) {
      total += line.amount;
      expect([line.seq, line.total]).toEqual([line.seq, total]);
    }
    // One settlement took the last of one grant and went on with the other.
    expect(lines).toHaveLength(9);
    expect(total).toBe(usd('1.199999994'));
  }
});

test('a statement of a time holds what was there then, with the totals of then', async () => {
  const payer = await makePayer(db.pool);
  await give(db.pool, payer, usd('1'), { happenedAt: new Date('2026-01-05T00:00:00Z') });
  await give(db.pool, payer, usd('2'), { happenedAt: new Date('2026-02-05T00:00:00Z') });
  await give(db.pool, payer, usd('4'), { happenedAt: new Date('2026-03-05T00:00:00Z') });
  const read = async (range: object) =>
    (await readStatement(db.pool, payer.organizationId, { limit: 9, ...range })).lines.map(
      (line) => [line.amount, line.total],
    );
  expect(await read({ asOf: new Date('2026-02-05T00:00:00Z') })).toEqual([
    [usd('2'), usd('3')],
    [usd('1'), usd('1')],
  ]);
  const from = new Date('2026-02-05T00:00:00Z');
  const to = new Date('2026-03-05T00:00:00Z');
  expect(await read({ from, to })).toEqual([[usd('2'), usd('3')]]);
  expect(await read({ from, to, by: 'recorded' })).toEqual([]);
});

describe('the export', () => {
  test('adds up to the balance, to the nano-dollar, in pages of any number', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('900'));
    await db.ownerPool.query({
      text: `SELECT ledger.post($1, 'r' || n, '{usage.settle}', ARRAY[(
                 SELECT 'grant:' || id FROM ledger.grants WHERE organization_id = $1)],
               '{revenue}', ARRAY[n::bigint], bursar.now(), bursar.now())
               FROM generate_series(1, 2500) AS n`,
      values: [payer.organizationId],
    });
    const lines = (await exported(payer, 'jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(2501);
    const amounts = lines.map((line) => parseUsd(line.amount_usd) ?? usd('0'));
    const { available } = await readBalance(db.pool, payer.organizationId);
    expect(sum(amounts)).toBe(available);
    expect(parseUsd(lines.at(-1)?.balance_usd)).toBe(available);
    expect(new Set(lines.map((line) => line.id)).size).toBe(2501);
  });

  test('as CSV is RFC 4180, with nothing a spreadsheet would run (T19)', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('5'), { source: '=HYPERLINK("http://x","y")' });
    await give(db.pool, payer, usd('1'), { source: '+1', happenedAt: new Date('2026-01-01') });
    await spend(payer, 1);
    const [header, formula, plus, use, end] = (await exported(payer, 'csv')).split('\r\n');
    expect(header).toBe(
      'id,at,recorded_at,kind,amount_usd,balance_usd,grant_id,grant_balance_usd,reference,lost_usd',
    );
    expect(formula).toMatch(/,5,5,grant_\w+,5,"'=HYPERLINK\(""http:\/\/x"",""y""\)",0$/);
    expect(plus).toMatch(/^2\.2,2026-01-01T00:00:00\.000Z,[^,]+,credit\.purchase,1,6,.*,'\+1,0$/);
    // A negative amount stays a number.
    expect(use).toMatch(/,usage\.settle,-0\.300000001,5\.699999999,grant_\w+,0\.699999999,req_/);
    expect(end).toBe('');
  });

  test('of a range keeps the running balance of the whole', async () => {
    const payer = await makePayer(db.pool);
    await give(db.pool, payer, usd('1'), { happenedAt: new Date('2026-01-05T00:00:00Z') });
    await give(db.pool, payer, usd('2'), { happenedAt: new Date('2026-02-05T00:00:00Z') });
    const from = new Date('2026-02-01T00:00:00Z');
    const line = JSON.parse(await exported(payer, 'jsonl', { from }));
    expect(line).toMatchObject({ id: '2.2', amount_usd: '2', balance_usd: '3' });
    expect(await exported(payer, 'jsonl', { to: new Date('2026-01-05T00:00:00Z') })).toBe('');
  });

  test('of an organization that never had credit is empty', async () => {
    const payer = await makePayer(db.pool);
    expect(await exported(payer, 'jsonl')).toBe('');
    expect((await exported(payer, 'csv')).split('\r\n')).toHaveLength(2);
  });
});
