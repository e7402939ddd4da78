import type { PaymentLine } from '#console-api/payments/contract';

/** What a state of a purchase or of a refund is called on the page. */
const STATES: Readonly<Record<string, string>> = {
  draft: 'Started',
  opening: 'Opening',
  credited: 'Paid',
  awaiting_customer: 'Waiting for you',
  processing: 'Being confirmed',
  declined: 'Declined',
  failed: 'Failed',
  canceled: 'Canceled',
  expired: 'Expired',
  abandoned: 'Not begun',
  quarantined: 'Being checked',
  requested: 'Started',
  pending: 'On its way',
  paid: 'Refunded',
  refused: 'Not possible',
  already_refunded: 'Refunded before',
  disputed: 'Not possible: disputed',
};

export const stateWords = (state: string): string => STATES[state] ?? state;

/** In these money has moved, or is about to: the amount is not only what was tried. */
const MOVED: readonly string[] = ['credited', 'requested', 'pending', 'paid'];

export const hasMoved = (state: string): boolean => MOVED.includes(state);

/** What a person bought, and what was bought by itself, are told apart. */
export const kindWords = ({ kind, trigger }: Pick<PaymentLine, 'kind' | 'trigger'>): string => {
  if (kind === 'refund') return 'Refund';
  return trigger === 'auto_reload' ? 'Auto-reload' : 'Purchase';
};

/** Why a payment came to nothing and what to do about it; null where it did not, or nobody knows. */
export function whyNothing(line: Pick<PaymentLine, 'reason' | 'next_step'>): string | null {
  const { reason, next_step: step } = line;
  if (reason === null) return null;
  const said = /[.!?]$/.test(reason) ? reason : `${reason}.`;
  // In a list the reference stands right there.
  return step === null ? said : `${said} ${step.replace('the reference below', 'this reference')}`;
}
