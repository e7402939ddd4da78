import type { FactReader } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import { daysText, type WordsOf } from '#notices/wording';

type Kinds = Extract<
  NoticeKind,
  'low_balance' | 'runway_short' | 'out_of_credit' | 'credit_recovered'
>;

export const CREDIT_WORDS: Readonly<Record<Kinds, WordsOf>> = {
  low_balance: (facts, { organization }) => ({
    subject: `Your credit balance is below ${facts.usd('threshold_usd') ?? 'your mark'}`,
    headline: `The credit balance of ${organization} is running low`,
    body: [
      `It fell below the mark of ${facts.usd('threshold_usd') ?? 'your choice'}. Nothing is refused yet: ` +
        'requests are refused when the credits are used up.',
      'You will hear about this again only after the balance has been above the mark for a while.',
    ],
    rows: [
      ['Balance', facts.usd('balance_usd')],
      ['Your mark', facts.usd('threshold_usd')],
    ],
  }),
  runway_short: (facts, { organization }) => ({
    subject: `At this pace your credits last ${daysText(facts.count('days_left'))}`,
    headline: `The credits of ${organization} will be used up soon`,
    body: [
      `At the pace of the last days they last ${daysText(facts.count('days_left'))}. ` +
        'After that, requests are refused.',
      'This is a forecast: it changes when your use of the API does.',
    ],
    rows: [
      ['Balance', facts.usd('balance_usd')],
      ['Lasts', daysOrNothing(facts.count('days_left'))],
      ['Your mark', daysOrNothing(facts.count('days_mark'))],
    ],
  }),
  out_of_credit: (facts, { brand, organization }) => ({
    subject: `Your ${brand} API access is turned off`,
    headline: `API access of ${organization} is turned off: ${
      someLeft(facts) ? 'too little credit is left' : 'it is out of credits'
    }`,
    body: [
      someLeft(facts)
        ? 'Requests are refused because what is left does not cover them.'
        : 'Every request that costs something is refused until credits are added.',
      ...(facts.positive('debt_usd') === undefined
        ? []
        : [
            `${facts.positive('debt_usd')} is owed for credits that were taken back after they had been used. ` +
              'Your next purchase pays that first.',
          ]),
      'Requests are accepted again the moment a purchase is paid. Nothing has to be switched on.',
    ],
    rows: [
      ['Balance', facts.usd('balance_usd')],
      ['Owed', facts.positive('debt_usd')],
      ['Since', facts.time('at')],
    ],
  }),
  credit_recovered: (facts, { brand, organization }) => ({
    subject: `Your ${brand} API access is back on`,
    headline: `API access of ${organization} is back on`,
    body: ['Credits have been added, and requests are accepted again. There is nothing to do.'],
    rows: [
      ['Balance', facts.usd('balance_usd')],
      ['Since', facts.time('at')],
    ],
  }),
};

/** Requests are refused though the balance is not zero. */
const someLeft = (facts: FactReader): boolean =>
  facts.is('refused') && facts.positive('balance_usd') !== undefined;

const daysOrNothing = (days: number | undefined): string | undefined =>
  days === undefined ? undefined : daysText(days);
