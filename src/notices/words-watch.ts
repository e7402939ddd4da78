import type { FactReader } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import { capital, type Words, type WordsOf } from '#notices/wording';

type Kinds = Extract<
  NoticeKind,
  | 'limit_step'
  | 'limit_reached'
  | 'limit_paused'
  | 'key_spend_anomaly'
  | 'organization_spend_anomaly'
  | 'key_paused'
  | 'webhook_endpoint_disabled'
  | 'webhook_silence'
  | 'operator_alarm'
>;

const limit = (facts: FactReader): Words['rows'] => [
  ['Limit of', facts.text('subject')],
  ['A month', facts.usd('limit_usd')],
  ['Spent this month', facts.usd('spent_usd')],
  ['Starts again', facts.time('resets_at')],
];

const speed = (facts: FactReader): Words['rows'] => [
  ['Key', facts.text('key_name')],
  ['Shown as', facts.text('key_hint')],
  ['Spent', facts.usd('spent_usd')],
  ['Within', minutes(facts.count('window_minutes'))],
  ['Most before', facts.usd('usual_usd')],
  ['Seen', facts.time('at')],
];

const keyOf = (facts: FactReader): string => {
  const name = facts.text('key_name');
  return name === undefined ? 'An API key' : `The API key “${name}”`;
};

const alarm = (facts: FactReader): string =>
  (facts.text('alarm') ?? 'an alarm').replaceAll('_', ' ');

const minutes = (count: number | undefined): string | undefined =>
  count === undefined ? undefined : `${count} ${count === 1 ? 'minute' : 'minutes'}`;

const of = (facts: FactReader): string => facts.text('subject') ?? 'The organization';

export const WATCH_WORDS: Readonly<Record<Kinds, WordsOf>> = {
  limit_step: (facts) => ({
    subject: `${facts.count('percent') ?? ''}% of a monthly spend limit is used`,
    headline: `${of(facts)} has used ${facts.count('percent') ?? ''}% of its monthly spend limit`,
    body: ['Nothing is refused yet. The steps you are told of are set on the Notices page.'],
    rows: limit(facts),
  }),
  limit_reached: (facts) => ({
    subject: 'A monthly spend limit was reached; nothing is refused',
    headline: `${of(facts)} has reached its monthly spend limit`,
    body: [
      'The limit only notifies: requests go on being accepted, and paid for. ' +
        'To have them refused, change the limit to “Refuse further requests”.',
    ],
    rows: limit(facts),
  }),
  limit_paused: (facts) => ({
    subject: 'A monthly spend limit was reached; requests are refused',
    headline: `${of(facts)} has reached its monthly spend limit`,
    body: [
      `Requests that count for it are refused until ${facts.time('resets_at') ?? 'next month'}, ` +
        'or until the limit is raised or removed. Credits are not the reason: buying more changes nothing.',
    ],
    rows: limit(facts),
  }),
  key_spend_anomaly: (facts) => ({
    subject: 'An API key spends far faster than it used to',
    headline: `${keyOf(facts)} spends far faster than it used to`,
    body: [
      'It still works. If this is you, there is nothing to do. If it is not, the key may be in the ' +
        'wrong hands: disable it, then find out where it was used.',
    ],
    rows: speed(facts),
  }),
  organization_spend_anomaly: (facts, { organization }) => ({
    subject: 'Spending is far above what is usual',
    headline: `${organization} spends far faster than it used to`,
    body: [
      'All its keys together do; nothing is refused. If this is you, there is nothing to do. If it is ' +
        'not, look at the keys, and set a spend limit to be safe.',
    ],
    rows: speed(facts),
  }),
  key_paused: (facts) => ({
    subject: 'An API key was paused because of its spending',
    headline: `${keyOf(facts)} was paused: it spent far faster than it used to`,
    body: [
      'Requests with it are refused. If this was you, resume it with one press. ' +
        'If it was not, the key may be in the wrong hands: revoke it and create another.',
    ],
    rows: speed(facts),
  }),
  webhook_endpoint_disabled: (facts) => ({
    subject: 'A webhook endpoint was switched off',
    headline: `The webhook endpoint at ${facts.text('host') ?? 'your server'} is sent nothing more`,
    body: [
      facts.text('reason') === 'gone'
        ? 'It answered that it is gone for good. Events from now on are not sent to it.'
        : 'It kept failing for days. Events from now on are not sent to it. ' +
          'Repair it, then switch it on again; what it missed can be sent once more.',
    ],
    rows: [
      ['Endpoint', facts.text('description')],
      ['Host', facts.text('host')],
    ],
  }),
  webhook_silence: (facts, { brand }) => ({
    subject: `${brand}: the card processor’s webhooks stay away`,
    headline: 'No webhook has come from the card processor for the last payments',
    body: [
      'Payments are credited all the same, by polling, a little later. Check the endpoint and its secret ' +
        'at the processor, and that this deployment can be reached from outside.',
    ],
    rows: [
      ['What was seen', facts.text('detail')],
      ['Since', facts.time('at')],
    ],
  }),
  operator_alarm: (facts, { brand }) => ({
    subject: `${brand} alarm: ${alarm(facts)}`,
    headline: capital(facts.text('sentence') ?? 'something cannot wait'),
    body: ['The operator’s page and the doctor command say the same, and what to do about it.'],
    rows: [
      ['Alarm', alarm(facts)],
      ['What was seen', facts.text('detail')],
      ['Since', facts.time('at')],
    ],
  }),
};
