import { expect, test } from 'vitest';
import { type BlockOutline, rowsAreSound } from '#ledger/block-rows';
import type { BlockRow } from '#ledger/blocks-sql';

const A = 'grant:a';
const B = 'grant:b';

const row = (no: bigint, changes: Partial<BlockRow> = {}): BlockRow => ({
  organization_id: 'org_1',
  transaction_no: no,
  line: 1,
  from_account: A,
  to_account: 'revenue',
  amount_nanos: 10n,
  from_balance_nanos: null,
  to_balance_nanos: null,
  charge: true,
  permitted: true,
  ...changes,
});
const other = (no: bigint, changes: Partial<BlockRow>): BlockRow =>
  row(no, { charge: false, ...changes });

/** Charges 1 to 4 of one grant, of which 2 and 3 are not shown; then one that takes two grants. */
const outline: BlockOutline = {
  complete: true,
  before: [`${A} 50`, `${B} 30`],
  after: [`${B} 25`],
  breaks: new Set([1n]),
};
const rows: readonly BlockRow[] = [
  row(1n, { from_balance_nanos: 40n }),
  row(4n, { from_balance_nanos: 10n }),
  row(5n, { from_balance_nanos: 0n }),
  other(5n, { line: 2, from_account: B, from_balance_nanos: 25n, amount_nanos: 5n }),
];
const withRow = (index: number, changes: Partial<BlockRow>): BlockRow[] =>
  rows.map((each, at) => (at === index ? { ...each, ...changes } : each));

test('charges that continue, and one that goes on with the next grant, are sound', () => {
  expect(rowsAreSound(outline, rows)).toBe(true);
});

test.each([
  ['a number without a first line', { ...outline, complete: false }, rows],
  ['a flow that is not permitted', outline, withRow(3, { permitted: false })],
  ['a line that is missing before another', outline, withRow(3, { line: 3 })],
  ['a transaction that begins with another line', outline, withRow(1, { line: 2 })],
  ['a first balance that does not follow from the seal', outline, withRow(0, { amount_nanos: 9n })],
  ['a charge of another grant that seems to continue', outline, withRow(1, { from_account: B })],
  ['a second line whose balance does not follow', outline, withRow(3, { amount_nanos: 6n })],
  ['a second line without a balance', outline, withRow(3, { from_balance_nanos: null })],
  ['a last balance that is not the sealed one', { ...outline, after: [`${B} 24`] }, rows],
  ['a sealed balance that nothing gave', { ...outline, after: [`${B} 25`, 'receivable -1'] }, rows],
])('%s is not', (_name, block, changed) => {
  expect(rowsAreSound(block, changed)).toBe(false);
});

test('what leaves a grant between charges that seem to continue is looked at again', () => {
  const expiry = other(2n, { to_account: 'breakage', from_balance_nanos: 30n });
  const [first, ...rest] = rows;
  expect(rowsAreSound(outline, first === undefined ? [] : [first, expiry, ...rest])).toBe(false);
});

test('a purchase gives its grant a balance, and clearing is summed without one', () => {
  const bought = [
    other(1n, { from_account: 'processor_balance', to_account: 'stripe_clearing' }),
    other(1n, {
      line: 2,
      from_account: 'stripe_clearing',
      to_account: B,
      amount_nanos: 8n,
      to_balance_nanos: 8n,
    }),
  ];
  const block = {
    ...outline,
    before: [],
    breaks: new Set<bigint>(),
    after: ['stripe_clearing 2', `${B} 8`],
  };
  expect(rowsAreSound(block, bought)).toBe(true);
  expect(rowsAreSound({ ...block, after: [`${B} 8`] }, bought)).toBe(false);
});
