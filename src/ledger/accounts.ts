import type { AccountKind } from '#ledger/flows';

export interface Account {
  readonly owner: 'organization' | 'platform';
  /** Whether the database refuses to let the balance cross zero, and on which side. */
  readonly floor: 'never below zero' | 'never above zero' | 'none';
  readonly meaning: string;
}

/** The chart of accounts. Balances are "in minus out". */
export const ACCOUNTS: Readonly<Record<AccountKind, Account>> = {
  grant: {
    owner: 'organization',
    floor: 'never below zero',
    meaning: 'Unspent part of one credit grant, promised to the customer until it stops.',
  },
  dispute_frozen: {
    owner: 'organization',
    floor: 'never below zero',
    meaning: 'Unspent credit of a disputed payment: neither spendable nor taken.',
  },
  customer_debt: {
    owner: 'organization',
    floor: 'never above zero',
    meaning: 'What the customer owes after a lost dispute; blocks API use, never paying.',
  },
  receivable: {
    owner: 'organization',
    floor: 'never above zero',
    meaning: 'Usage of a contract account that is not invoiced and paid yet.',
  },
  revenue: { owner: 'platform', floor: 'none', meaning: 'Usage delivered.' },
  breakage: {
    owner: 'platform',
    floor: 'none',
    meaning: 'Credit that expired unspent, without what lost disputes took of it.',
  },
  promo_expense: {
    owner: 'platform',
    floor: 'none',
    meaning: 'Credit given away or adjusted, without what was voided.',
  },
  tax_payable: { owner: 'platform', floor: 'none', meaning: 'Tax collected for the authorities.' },
  processor_balance: {
    owner: 'platform',
    floor: 'none',
    meaning: 'The other side of money in: what the card processor holds for the operator.',
  },
  stripe_clearing: {
    owner: 'platform',
    floor: 'none',
    meaning: 'A payment on its way to credit and tax. Zero at rest.',
  },
  refund_clearing: {
    owner: 'platform',
    floor: 'none',
    meaning: 'Refunds on their way back to the card. Zero when none is under way.',
  },
  operator_overrun: {
    owner: 'platform',
    floor: 'none',
    meaning: 'Cost above a hold that no available credit could pay: the operator does.',
  },
  operator_upstream_loss: {
    owner: 'platform',
    floor: 'none',
    meaning: 'Known upstream usage that customers are not charged for.',
  },
  upstream_unbilled: {
    owner: 'platform',
    floor: 'none',
    meaning: 'The other side of upstream losses.',
  },
};
