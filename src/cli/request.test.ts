import { expect, test } from 'vitest';
import type { Receipt, ReceiptLine } from '#charging/receipt';
import { attemptsText, receiptText } from '#cli/request';
import { nanos } from '#kernel/money';

const line = (changes: Partial<ReceiptLine>): ReceiptLine => ({
  kind: 'input',
  model: 'claude-opus-5',
  units: '100',
  unit_price_usd: '5',
  per: '1000000',
  multipliers: [],
  amount_usd: '0.0005',
  ...changes,
});

const receipt = (lines: readonly ReceiptLine[]): Receipt => ({
  id: 'req_1',
  type: 'request_receipt',
  organization_id: 'org_1',
  outcome: 'S1',
  model: 'claude-opus-5',
  hold_usd: '0.5',
  charged_usd: '0.0021',
  list_usd: null,
  estimated: false,
  client_disconnected: false,
  adopted: false,
  retry_of: null,
  usage: null,
  lines,
  grants: [],
  price_version: 'v',
  started_at: '2026-11-21T00:00:00.000Z',
  settled_at: '2026-11-21T00:00:01.000Z',
});

const rowsOf = (lines: readonly ReceiptLine[]): string[][] =>
  receiptText(receipt(lines))
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/ {2,}/));

test('a line names the model that ran and everything that multiplied its price', () => {
  const multipliers = ['speed 2/1', 'region 11/10'];
  const advice = line({ model: 'claude-sonnet-5', unit_price_usd: '2', amount_usd: '0.0002' });
  expect(rowsOf([line({ multipliers, amount_usd: '0.0011' }), advice])).toEqual([
    ['input', 'claude-opus-5', '100', '$5/M', 'speed 2/1, region 11/10', '0.0011'],
    ['input', 'claude-sonnet-5', '100', '$2/M', '0.0002'],
  ]);
});

test('what was not counted in units has no price', () => {
  const nothing = { model: null, units: '0', unit_price_usd: '0', per: '1' };
  const lines = [
    line({ ...nothing, kind: 'rounding', amount_usd: '-0.0000000005' }),
    line({ ...nothing, kind: 'not_charged', amount_usd: '-0.001' }),
  ];
  expect(rowsOf(lines)).toEqual([
    ['rounding', '-0.0000000005'],
    ['not_charged', '-0.001'],
  ]);
});

test('a request that was not charged is told in one line', () => {
  expect(receiptText(receipt([]))).toBe('req_1  claude-opus-5  S1  charged $0.0021  held $0.5');
});

test('the upstreams are told where more than one was asked', () => {
  const first = {
    upstream: 'a',
    outcome: 'broke_off',
    status: null,
    elapsedMs: 7,
    cost: null,
  } as const;
  const well = { upstream: 'b', outcome: 'answered', status: 200, elapsedMs: 850 } as const;
  const last = { ...well, cost: nanos(1_500_000n) };
  expect(attemptsText([last])).toEqual([]);
  expect(attemptsText([first, last])).toEqual([
    'upstream a  broke_off  7 ms  cost unknown',
    'upstream b  answered 200  850 ms  cost $0.0015',
  ]);
});
