import type { FactReader } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import { cardText, type Words, type WordsOf } from '#notices/wording';

type Kinds = Extract<
  NoticeKind,
  | 'starter_credit_given'
  | 'receipt'
  | 'reload_made'
  | 'payment_failed'
  | 'reload_failed'
  | 'reload_paused'
  | 'reload_capped'
>;

const paid = (facts: FactReader): Words['rows'] => [
  ['Credits', facts.usd('amount_usd')],
  ['Tax', facts.positive('tax_usd')],
  ['Charged', facts.usd('total_usd')],
  ['Card', cardText(facts)],
  ['Paid', facts.time('paid_at')],
  ['Expires', facts.time('expires_at')],
  ['Purchase', facts.text('purchase_id')],
];

const refused = (facts: FactReader): Words['rows'] => [
  ['Amount', facts.usd('total_usd')],
  ['Charged', '$0.00'],
  ['Card', cardText(facts)],
  ['Purchase', facts.text('purchase_id')],
];

/** The sentences of the refusal itself, as the Billing page says them. */
const reason = (facts: FactReader): string[] =>
  [facts.text('message'), facts.text('next_step')].filter((text) => text !== undefined);

/** What holds a needed reload back, whatever may be done about it, and whether that is a cap. */
interface Hold {
  readonly why: string;
  readonly subject?: string;
  readonly next?: string;
}

const HELD_BY_CAP = 'Auto-reload is held back by its cap';

const HOLDS: Readonly<Record<string, Hold>> = {
  hour_full: { why: 'There were as many reloads within an hour as there may be.' },
  day_full: { why: 'The number of reloads you allow in a day was reached.' },
  month_full: { why: 'The amount you allow in a month was reached.' },
  month_full_with_tax: {
    why: 'The rest of the amount you allow in a month is less than the smallest purchase with its tax.',
  },
  balance_full: { why: 'The balance has no room for another purchase.' },
  no_card: {
    subject: 'Auto-reload has no card it may charge',
    why: 'There is no saved default card that may be charged without you.',
    next: 'Nothing is bought by itself until there is one. Save a card, or buy credits yourself.',
  },
  address_needed: {
    subject: 'Auto-reload needs your billing address',
    why: 'Tax depends on the billing address, and there is none. No card was asked.',
    next: 'Nothing is bought by itself until you enter it on the Billing page; then it goes on.',
  },
  address_refused: {
    subject: 'Auto-reload stopped at your billing address',
    why: 'No tax could be worked out for the billing address. No card was asked.',
    next: 'Nothing is bought by itself until you correct it on the Billing page; then it goes on.',
  },
  region_not_sold: {
    subject: 'Auto-reload is not available in your country',
    why: 'Credits are not sold to the country of the billing address. No card was asked.',
    next: 'Nothing is bought by itself with this address.',
  },
  payments_down: {
    subject: 'Auto-reload waits for a fault on our side',
    why: 'Payments did not work on our side, and we have been told. No card was asked.',
    next: 'It is tried again by itself within the hour; you need not do anything.',
  },
  fraud_warning: {
    subject: 'Auto-reload waits until we have looked at a payment',
    why: 'A bank reported a payment of yours as fraudulent. Until we have looked at it, no card is asked.',
    next: 'Nothing is bought by itself until then. You can still buy credits yourself.',
  },
};

/** What an unknown reason of a later release is told as. */
const SOME_CAP: Hold = { why: 'A bound you set was reached.' };

const PAUSES: Readonly<Record<string, string>> = {
  card_declined: 'The card was declined for good. Save another card, and auto-reload goes on.',
  declined_repeatedly:
    'The card was declined three times in a row. Save another card, and auto-reload goes on.',
  verification_required:
    'Your bank wants you to confirm payments with this card, which auto-reload cannot do for you. ' +
    'Buy credits yourself now: you can confirm that payment. For auto-reload, choose another card.',
};

export const PAYMENT_WORDS: Readonly<Record<Kinds, WordsOf>> = {
  starter_credit_given: (facts, { brand, organization }) => ({
    subject: `${facts.usd('amount_usd') ?? 'Some'} of starter credit is yours`,
    headline: `${facts.usd('amount_usd') ?? 'Some'} of starter credit was given to ${organization}`,
    body: [
      `It can be used now, to try ${brand}. Nothing was charged, and nothing will be by itself.`,
    ],
    rows: [
      ['Credits', facts.usd('amount_usd')],
      ['Expires', facts.time('expires_at')],
    ],
  }),
  receipt: (facts, { organization }) => ({
    subject: `Your receipt: ${facts.usd('amount_usd') ?? ''} of credits`,
    headline: `Thank you. ${facts.usd('amount_usd') ?? 'Your purchase'} of credits can be used now`,
    body: [
      `The credits are on the balance of ${organization}. The invoice is on the Billing page.`,
      ...(facts.positive('debt_paid_usd') === undefined
        ? []
        : [`${facts.positive('debt_paid_usd')} of it paid what was owed.`]),
    ],
    rows: paid(facts),
  }),
  reload_made: (facts, { organization }) => ({
    subject: `Auto-reload bought ${facts.usd('amount_usd') ?? ''} of credits`,
    headline: `Auto-reload bought ${facts.usd('amount_usd') ?? ''} of credits for ${organization}`,
    body: [
      'The balance had fallen below your threshold, and the saved card was charged. ' +
        'This is your receipt; the invoice is on the Billing page.',
      'You can change or switch off auto-reload on the Billing page at any time.',
    ],
    rows: paid(facts),
  }),
  payment_failed: (facts, { organization }) => ({
    subject: `Your payment of ${facts.usd('total_usd') ?? 'credits'} did not go through`,
    headline: `A payment of ${organization} did not go through. You were not charged`,
    body: reason(facts),
    rows: refused(facts),
  }),
  reload_failed: (facts, { organization }) => ({
    subject: `Auto-reload could not buy ${facts.usd('amount_usd') ?? 'credits'}`,
    headline: `Auto-reload of ${organization} failed. You were not charged`,
    body: [
      ...reason(facts),
      'The card rests for a day before auto-reload tries it again. ' +
        'If credits would run out before that, buy some yourself.',
    ],
    rows: refused(facts),
  }),
  reload_paused: (facts, { organization }) => ({
    subject: 'Auto-reload is paused: your card needs you',
    headline: `Auto-reload of ${organization} is paused. You were not charged`,
    body: [
      PAUSES[facts.text('reason') ?? ''] ?? 'It waits until somebody has looked at it.',
      'Until then nothing is bought by itself, and requests are refused when the credits are used up.',
    ],
    rows: [['Reason', facts.text('title')], ...refused(facts)],
  }),
  reload_capped: (facts, { organization }) => {
    const hold = HOLDS[facts.text('reason') ?? ''] ?? SOME_CAP;
    const until = facts.time('until');
    const wait = until === undefined ? 'for now' : `until ${until}`;
    const raise = `Nothing is bought by itself ${wait}. Buy credits yourself, or raise the cap.`;
    return {
      subject: hold.subject ?? HELD_BY_CAP,
      headline: `Auto-reload of ${organization} would buy credits, and may not`,
      body: [hold.why, hold.next ?? raise],
      rows: [
        ['Balance', facts.usd('balance_usd')],
        ['Threshold', facts.usd('threshold_usd')],
        ['Held back until', until],
      ],
    };
  },
};
