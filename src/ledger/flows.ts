/** Kinds of accounts. `grant` stands for `grant:<id>`, one account per credit grant. */
export type AccountKind =
  | 'grant'
  | 'dispute_frozen'
  | 'customer_debt'
  | 'receivable'
  | 'revenue'
  | 'breakage'
  | 'promo_expense'
  | 'tax_payable'
  | 'processor_balance'
  | 'stripe_clearing'
  | 'refund_clearing'
  | 'operator_overrun'
  | 'operator_upstream_loss'
  | 'upstream_unbilled';

/**
 * Every permitted move of money: from, to, reason. PostgreSQL enforces the same table
 * (`ledger.flow_allowed`); `ledger.db.test.ts` compares the two over all combinations.
 */
export const FLOWS = {
  'payment.received': { from: 'processor_balance', to: 'stripe_clearing' },
  'payment.tax': { from: 'stripe_clearing', to: 'tax_payable' },
  'credit.purchase': { from: 'stripe_clearing', to: 'grant' },
  'credit.promotional': { from: 'promo_expense', to: 'grant' },
  'credit.adjustment': { from: 'promo_expense', to: 'grant' },
  'credit.void': { from: 'grant', to: 'promo_expense' },
  'credit.expire': { from: 'grant', to: 'breakage' },
  'usage.settle': { from: 'grant', to: 'revenue' },
  'usage.overrun': { from: 'operator_overrun', to: 'revenue' },
  'usage.receivable': { from: 'receivable', to: 'revenue' },
  'upstream.loss': { from: 'operator_upstream_loss', to: 'upstream_unbilled' },
  'dispute.freeze': { from: 'grant', to: 'dispute_frozen' },
  'dispute.release': { from: 'dispute_frozen', to: 'grant' },
  'dispute.seize': { from: 'dispute_frozen', to: 'stripe_clearing' },
  'dispute.debt': { from: 'customer_debt', to: 'stripe_clearing' },
  'dispute.breakage': { from: 'breakage', to: 'stripe_clearing' },
  'dispute.tax': { from: 'tax_payable', to: 'stripe_clearing' },
  'dispute.withdrawn': { from: 'stripe_clearing', to: 'processor_balance' },
  'debt.repaid': { from: 'grant', to: 'customer_debt' },
  'invoice.paid': { from: 'stripe_clearing', to: 'receivable' },
  'refund.credit': { from: 'grant', to: 'refund_clearing' },
  'refund.tax': { from: 'tax_payable', to: 'refund_clearing' },
  'refund.paid': { from: 'refund_clearing', to: 'processor_balance' },
  'refund.bounced': { from: 'processor_balance', to: 'refund_clearing' },
  'refund.returned': { from: 'refund_clearing', to: 'grant' },
  'refund.tax_returned': { from: 'refund_clearing', to: 'tax_payable' },
} as const satisfies Record<string, { from: AccountKind; to: AccountKind }>;

export type Reason = keyof typeof FLOWS;

export const accountKind = (account: string): string => account.split(':', 1)[0] ?? account;
