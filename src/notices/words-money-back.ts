import type { FactReader } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import { capital, type Words, type WordsOf } from '#notices/wording';

type Kinds = Extract<
  NoticeKind,
  'refund_paid' | 'refund_failed' | 'dispute_opened' | 'dispute_won' | 'dispute_lost'
>;

const refund = (facts: FactReader): Words['rows'] => [
  ['Refunded', facts.usd('total_usd')],
  ['Credits', facts.usd('amount_usd')],
  ['Tax', facts.positive('tax_usd')],
  ['Refund', facts.text('refund_id')],
  ['Purchase', facts.text('purchase_id')],
];

const reason = (facts: FactReader): string | undefined => {
  const text = facts.text('reason');
  return text === undefined ? undefined : capital(text);
};

const dispute = (facts: FactReader): Words['rows'] => [
  ['Disputed', facts.usd('amount_usd')],
  ['Reason given', reason(facts)],
  ['Dispute', facts.text('dispute_id')],
  ['Purchase', facts.text('purchase_id')],
];

export const MONEY_BACK_WORDS: Readonly<Record<Kinds, WordsOf>> = {
  refund_paid: (facts, { organization }) => ({
    subject: `${facts.usd('total_usd') ?? 'Your money'} was refunded to your card`,
    headline: `${facts.usd('total_usd') ?? 'A payment'} was refunded to ${organization}`,
    body: [
      'It goes back to the card that paid. Banks show it within 5 to 10 days. ' +
        'Its credits can no longer be used.',
      'If auto-reload was on, it was switched off with the refund: or what went back would have been ' +
        'charged again. Switch it on when you want it.',
    ],
    rows: refund(facts),
  }),
  refund_failed: (facts, { organization }) => ({
    subject: `A refund of ${facts.usd('total_usd') ?? 'your payment'} did not reach your card`,
    headline: `A refund to ${organization} did not arrive. Its credits are back`,
    body: [
      'The bank could not take it. The credits are on your balance again; ' +
        'if you still want the money back, answer whoever arranged the refund.',
    ],
    rows: refund(facts),
  }),
  dispute_opened: (facts, { organization }) => ({
    subject: `A payment of ${facts.usd('amount_usd') ?? 'yours'} is disputed`,
    headline: `A card payment of ${organization} is disputed with the bank`,
    body: [
      'The card holder or the bank says that this payment should not have been made. ' +
        'What is left of its credits is frozen, and auto-reload waits until that is settled.',
      'If it was a mistake, ask the card holder to withdraw the dispute at the bank.',
    ],
    rows: dispute(facts),
  }),
  dispute_won: (facts, { organization }) => ({
    subject: `The dispute over ${facts.usd('amount_usd') ?? 'your payment'} was decided for you`,
    headline: `A dispute over a payment of ${organization} is over. Its credits are back`,
    body: ['The payment stands. What was frozen of its credits can be used again.'],
    rows: dispute(facts),
  }),
  dispute_lost: (facts, { organization }) => ({
    subject: `The bank took back your payment of ${facts.usd('amount_usd') ?? 'credits'}`,
    headline: `A payment of ${organization} was taken back by the bank`,
    body: [
      'The rest of its credits is gone. What of them had been used already is owed: ' +
        'while something is owed, requests are refused, and your next purchase pays that first.',
      'Auto-reload stays paused until the operator switches it on again.',
    ],
    rows: [...dispute(facts), ['Owed for it', facts.positive('owed_usd')]],
  }),
};
