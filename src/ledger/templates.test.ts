import { describe, expect, test } from 'vitest';
import { parseId } from '#kernel/ids';
import { nanos, ZERO } from '#kernel/money';
import { accountKind, FLOWS } from '#ledger/flows';
import {
  creditFrozen,
  freezeReleased,
  freezeSeized,
  grantVoided,
  type Line,
  operatorGranted,
  purchaseGranted,
  refundPaidOut,
  refundRequested,
  refundReturned,
} from '#ledger/templates';

function unnamed(): never {
  throw new Error('not an id');
}

const GRANT = parseId('grant', 'grant_1') ?? unnamed();
const told = (lines: readonly Line[]) =>
  lines.map((l) => `${l.reason} ${l.amount} ${l.from} > ${l.to}`);

/** What a transaction changes of each account: in minus out. */
function changes(lines: readonly Line[]): Record<string, bigint> {
  const total: Record<string, bigint> = {};
  for (const { from, to, amount } of lines) {
    total[from] = (total[from] ?? 0n) - amount;
    total[to] = (total[to] ?? 0n) + amount;
  }
  return Object.fromEntries(Object.entries(total).filter(([, amount]) => amount !== 0n));
}

describe('money in', () => {
  test('a purchase is credit and tax; nothing stays on its way', () => {
    const lines = purchaseGranted(GRANT, nanos(50n), nanos(9n), ZERO);
    expect(told(lines)).toEqual([
      'payment.received 59 processor_balance > stripe_clearing',
      'credit.purchase 50 stripe_clearing > grant:grant_1',
      'payment.tax 9 stripe_clearing > tax_payable',
    ]);
    expect(changes(lines)).toEqual({
      processor_balance: -59n,
      'grant:grant_1': 50n,
      tax_payable: 9n,
    });
  });

  test('a purchase repays what is owed out of its credit', () => {
    expect(told(purchaseGranted(GRANT, nanos(50n), ZERO, nanos(20n)))).toEqual([
      'payment.received 50 processor_balance > stripe_clearing',
      'credit.purchase 50 stripe_clearing > grant:grant_1',
      'debt.repaid 20 grant:grant_1 > customer_debt',
    ]);
  });

  test.each(['promotional', 'adjustment'] as const)('%s credit is an expense', (kind) => {
    expect(told(operatorGranted(kind, GRANT, nanos(7n)))).toEqual([
      `credit.${kind} 7 promo_expense > grant:grant_1`,
    ]);
  });

  test('a gift taken back undoes the expense', () => {
    expect(told(grantVoided(GRANT, nanos(7n)))).toEqual([
      'credit.void 7 grant:grant_1 > promo_expense',
    ]);
  });
});

describe('disputes', () => {
  test('freezing and releasing are each other undone', () => {
    const both = [...creditFrozen(GRANT, nanos(5n)), ...freezeReleased(GRANT, nanos(5n))];
    expect(told(both)).toEqual([
      'dispute.freeze 5 grant:grant_1 > dispute_frozen',
      'dispute.release 5 dispute_frozen > grant:grant_1',
    ]);
    expect(changes(both)).toEqual({});
  });

  test('what the processor withdrew is found piece by piece, and clearing ends at zero', () => {
    const lines = freezeSeized(GRANT, {
      seized: nanos(1n),
      debt: nanos(20n),
      breakage: nanos(300n),
      tax: nanos(4_000n),
      released: nanos(50_000n),
    });
    expect(told(lines)).toEqual([
      'dispute.seize 1 dispute_frozen > stripe_clearing',
      'dispute.debt 20 customer_debt > stripe_clearing',
      'dispute.breakage 300 breakage > stripe_clearing',
      'dispute.tax 4000 tax_payable > stripe_clearing',
      'dispute.withdrawn 4321 stripe_clearing > processor_balance',
      'dispute.release 50000 dispute_frozen > grant:grant_1',
    ]);
    expect(changes(lines)).not.toHaveProperty('stripe_clearing');
  });
});

describe('refunds', () => {
  test('credit and its tax wait together, and leave together', () => {
    const asked = refundRequested(GRANT, nanos(6n), nanos(1n));
    expect(told(asked)).toEqual([
      'refund.credit 6 grant:grant_1 > refund_clearing',
      'refund.tax 1 tax_payable > refund_clearing',
    ]);
    const paid = refundPaidOut(nanos(6n), nanos(1n));
    expect(told(paid)).toEqual(['refund.paid 7 refund_clearing > processor_balance']);
    expect(changes([...asked, ...paid])).not.toHaveProperty('refund_clearing');
  });

  test('one that failed is as if it had not been', () => {
    const asked = refundRequested(GRANT, nanos(6n), nanos(1n));
    const back = refundReturned(GRANT, nanos(6n), nanos(1n), false);
    expect(told(back)).toEqual([
      'refund.returned 6 refund_clearing > grant:grant_1',
      'refund.tax_returned 1 refund_clearing > tax_payable',
    ]);
    expect(changes([...asked, ...back])).toEqual({});
  });

  test('one that was paid and came back is as if it had not been', () => {
    const asked = refundRequested(GRANT, nanos(6n), nanos(1n));
    const paid = refundPaidOut(nanos(6n), nanos(1n));
    const back = refundReturned(GRANT, nanos(6n), nanos(1n), true);
    expect(told(back)[0]).toBe('refund.bounced 7 processor_balance > refund_clearing');
    expect(changes([...asked, ...paid, ...back])).toEqual({});
  });
});

test('nothing is not an entry', () => {
  const none = { seized: ZERO, debt: ZERO, breakage: ZERO, tax: ZERO, released: ZERO };
  expect([
    ...purchaseGranted(GRANT, ZERO, ZERO, ZERO),
    ...operatorGranted('promotional', GRANT, ZERO),
    ...grantVoided(GRANT, ZERO),
    ...creditFrozen(GRANT, ZERO),
    ...freezeReleased(GRANT, ZERO),
    ...freezeSeized(GRANT, none),
    ...refundRequested(GRANT, ZERO, ZERO),
    ...refundPaidOut(ZERO, ZERO),
    ...refundReturned(GRANT, ZERO, ZERO, true),
  ]).toEqual([]);
});

test('the kind of an account is what stands before its colon', () => {
  expect(accountKind('grant:grant_1')).toBe('grant');
  expect(accountKind('revenue')).toBe('revenue');
  expect(accountKind('grant:a:b')).toBe('grant');
});

/** The table of money, once more and by hand: a row that changes here is a decision. */
test('these moves of money are permitted, and no others', () => {
  expect(
    Object.entries(FLOWS).map(([reason, { from, to }]) => `${reason}: ${from} > ${to}`),
  ).toEqual([
    'payment.received: processor_balance > stripe_clearing',
    'payment.tax: stripe_clearing > tax_payable',
    'credit.purchase: stripe_clearing > grant',
    'credit.promotional: promo_expense > grant',
    'credit.adjustment: promo_expense > grant',
    'credit.void: grant > promo_expense',
    'credit.expire: grant > breakage',
    'usage.settle: grant > revenue',
    'usage.overrun: operator_overrun > revenue',
    'usage.receivable: receivable > revenue',
    'upstream.loss: operator_upstream_loss > upstream_unbilled',
    'dispute.freeze: grant > dispute_frozen',
    'dispute.release: dispute_frozen > grant',
    'dispute.seize: dispute_frozen > stripe_clearing',
    'dispute.debt: customer_debt > stripe_clearing',
    'dispute.breakage: breakage > stripe_clearing',
    'dispute.tax: tax_payable > stripe_clearing',
    'dispute.withdrawn: stripe_clearing > processor_balance',
    'debt.repaid: grant > customer_debt',
    'invoice.paid: stripe_clearing > receivable',
    'refund.credit: grant > refund_clearing',
    'refund.tax: tax_payable > refund_clearing',
    'refund.paid: refund_clearing > processor_balance',
    'refund.bounced: processor_balance > refund_clearing',
    'refund.returned: refund_clearing > grant',
    'refund.tax_returned: refund_clearing > tax_payable',
  ]);
});
