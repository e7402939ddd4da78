import { formatUsd } from '#kernel/money';
import type { Balance } from '#ledger/balance';
import type { Reason } from '#ledger/flows';
import { REINSTATED } from '#ledger/reinstating';
import type { StatementLine } from '#ledger/statement';
import { owed } from '#payments/debt-words';
import { STARTER_SOURCE } from '#payments/starter';
import type { BillingResponse, HistoryLine } from './contract.ts';

/** What a customer reads on a statement. Closed by the compiler: a new reason needs its words. */
const TITLES: Record<Reason, string> = {
  'payment.received': 'Payment received',
  'payment.tax': 'Tax',
  'credit.purchase': 'Credits bought',
  'credit.promotional': 'Promotional credits',
  'credit.adjustment': 'Adjustment',
  'credit.void': 'Credits withdrawn',
  'credit.expire': 'Credits expired',
  'usage.settle': 'Usage',
  'usage.overrun': 'Usage beyond the hold, not charged',
  'usage.receivable': 'Usage, to be invoiced',
  'upstream.loss': 'Usage not charged',
  'dispute.freeze': 'Frozen while a payment is disputed',
  'dispute.release': 'Released after a dispute',
  'dispute.seize': 'Taken back after a dispute',
  'dispute.debt': 'Owed after a dispute',
  'dispute.breakage': 'Expired credits of a disputed payment',
  'dispute.tax': 'Tax of a disputed payment',
  'dispute.withdrawn': 'Disputed payment withdrawn',
  'debt.repaid': 'Debt repaid',
  'invoice.paid': 'Invoice paid',
  'refund.credit': 'Refund of unspent credits',
  'refund.tax': 'Refund of tax',
  'refund.paid': 'Refund paid out',
  'refund.bounced': 'Refund returned by the bank',
  'refund.returned': 'Refund that failed, returned',
  'refund.tax_returned': 'Tax of a refund that failed',
};

/** Money that came in again: for the ledger a purchase, for the customer none. */
const GIVEN_BACK = 'Credits given back';

const STARTER = 'Starter credit';

export const balanceView = (
  balance: Balance,
): Pick<BillingResponse, 'available_usd' | 'held_usd' | 'frozen_usd' | 'debt_usd' | 'grants'> => ({
  available_usd: formatUsd(balance.available),
  held_usd: formatUsd(balance.held),
  frozen_usd: formatUsd(balance.frozen),
  debt_usd: formatUsd(balance.debt),
  grants: balance.grants.map((grant) => ({
    id: grant.id,
    kind: grant.kind,
    state: grant.state,
    amount_usd: formatUsd(grant.amount),
    remaining_usd: formatUsd(grant.remaining),
    granted_at: grant.grantedAt.toISOString(),
    expires_at: grant.expiresAt.toISOString(),
  })),
});

/** Of a refund made at the processor, what was spent already is claimed under this name. */
const SPENT = /:spent$/;

/** What was lost, with how much: such a line moves no credit, so its amount says nothing. */
function lossTitle({ kind, lost, reference }: StatementLine): string | undefined {
  if (lost === 0n) return undefined;
  // A debt is rounded up wherever it is shown; credit is shown to its last digit on a statement.
  const much = kind === 'dispute.debt' ? owed(lost) : `$${formatUsd(lost)}`;
  if (SPENT.test(reference)) {
    return kind === 'dispute.debt'
      ? `A refunded payment: ${much} of it had been spent and is owed`
      : `A refunded payment: ${much} of it had expired`;
  }
  if (kind === 'dispute.seize') return `Dispute lost: ${much} of frozen credits went back with it`;
  if (kind === 'dispute.debt') return `Dispute lost: ${much} had been spent and is owed`;
  return `Dispute lost: ${much} of it had expired`;
}

function titleOf(line: StatementLine): string {
  if (line.reference.startsWith(REINSTATED)) return GIVEN_BACK;
  if (isStarter(line)) return STARTER;
  return lossTitle(line) ?? TITLES[line.kind];
}

export const historyLineView = (line: StatementLine): HistoryLine => ({
  seq: line.seq,
  at: line.at.toISOString(),
  kind: line.kind,
  title: titleOf(line),
  amount_usd: formatUsd(line.amount),
  reference: referenceOf(line),
});

/** Null where there is nothing to ask for by it. */
function referenceOf(line: StatementLine): string | null {
  if (isStarter(line)) return null;
  return line.kind.startsWith('dispute.') ? subjectOf(line.reference) : line.reference;
}

const isStarter = ({ kind, reference }: StatementLine): boolean =>
  kind === 'credit.promotional' && reference === STARTER_SOURCE;

/** The ledger names each freeze of a dispute anew; the customer knows the dispute. */
const subjectOf = (reference: string): string => reference.split(':')[0] ?? reference;
