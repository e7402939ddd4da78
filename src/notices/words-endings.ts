import type { FactReader } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import { cardText, daysText, type WordsOf } from '#notices/wording';

type Kinds = Extract<
  NoticeKind,
  'grant_expiring' | 'grant_expiring_soon' | 'card_expiring' | 'key_expiring' | 'key_expiring_soon'
>;

const left = (facts: FactReader): string => facts.usd('remaining_usd') ?? 'Some';

const grant: WordsOf = (facts, { organization }) => ({
  subject: '',
  headline: `${left(facts)} of the credits of ${organization} expires within ${daysText(facts.count('days'))}`,
  body: [
    'Credits that expire are used first, by themselves: every request until then takes from them. ' +
      'What is left after that moment cannot be used, and is not refunded.',
  ],
  rows: [
    ['Left', facts.usd('remaining_usd')],
    ['Of', facts.usd('amount_usd')],
    ['Expires', facts.time('expires_at')],
    ['Credit', facts.text('grant_id')],
  ],
});

const key: WordsOf = (facts, { organization }) => ({
  subject: '',
  headline: `The API key ${quoted(facts)} of ${organization} expires within ${daysText(facts.count('days'))}`,
  body: [
    'From that moment requests with it are refused, and it cannot be extended. ' +
      'Create another key and put it in place before.',
  ],
  rows: [
    ['Key', facts.text('name')],
    ['Shown as', facts.text('hint')],
    ['Expires', facts.time('expires_at')],
  ],
});

const quoted = (facts: FactReader): string => {
  const name = facts.text('name') ?? '';
  return `“${name.length > 40 ? `${name.slice(0, 39)}…` : name}”`;
};

const short = (facts: FactReader): string => {
  const name = facts.text('name') ?? '';
  return `“${name.length > 22 ? `${name.slice(0, 21)}…` : name}”`;
};

export const ENDING_WORDS: Readonly<Record<Kinds, WordsOf>> = {
  grant_expiring: (facts, setting) => ({
    ...grant(facts, setting),
    subject: `${left(facts)} of your credits expires within ${daysText(facts.count('days'))}`,
  }),
  grant_expiring_soon: (facts, setting) => ({
    ...grant(facts, setting),
    subject: `${left(facts)} of your credits expires within a day`,
  }),
  card_expiring: (facts, { organization }) => ({
    subject: `Your ${cardText(facts) ?? 'card'} expires within ${daysText(facts.count('days'))}`,
    headline: `A saved card of ${organization} expires at the end of ${facts.text('month') ?? 'its month'}`,
    body: [
      facts.is('default')
        ? 'It is the default card: auto-reload charges it. Save another one before, ' +
          'or nothing is bought by itself after that.'
        : 'Save another one before, if you want to go on paying with a saved card.',
      'If your bank renews the card under the same number, we may hear of it, and you need do nothing.',
    ],
    rows: [
      ['Card', cardText(facts)],
      ['Good through', facts.text('month')],
    ],
  }),
  key_expiring: (facts, setting) => ({
    ...key(facts, setting),
    subject: `API key ${short(facts)} expires within ${daysText(facts.count('days'))}`,
  }),
  key_expiring_soon: (facts, setting) => ({
    ...key(facts, setting),
    subject: `API key ${short(facts)} expires within a day`,
  }),
};
