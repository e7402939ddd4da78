import type { JsonObject } from '#kernel/json';

/** One kind of event: when it happens, and an example of what it says. */
export interface EventKind {
  readonly when: string;
  /** Amounts are decimal US dollars in fields ending `_usd`, times RFC 3339 in UTC. */
  readonly data: JsonObject;
}

const AT = '2027-01-15T12:00:00.000Z';
const NEXT_WEEK = '2027-01-22T12:00:00.000Z';
const NEXT_MONTH = '2027-02-01T00:00:00.000Z';
const NEXT_YEAR = '2028-01-15T12:00:00.000Z';

const credit = { balance_usd: '4.8123', debt_usd: '0', threshold_usd: '5', refused: false, at: AT };
const purchase = {
  purchase_id: 'pur_01KEXAMPLE0PURCHASE0000000',
  amount_usd: '25',
  tax_usd: '2.06',
  total_usd: '27.06',
};
const credited = {
  ...purchase,
  debt_paid_usd: '0',
  grant_id: 'grant_01KEXAMPLE0GRANT000000000',
  expires_at: NEXT_YEAR,
  paid_at: AT,
};
const declined = {
  ...purchase,
  code: 'insufficient_funds',
  title: 'Not enough money on the card',
  message: 'Your bank says that the card does not have enough money for this payment.',
  next_step: 'Use another card, or add money to this one and try again.',
  card: 'visa •••• 4242',
};
const refund = { refund_id: 'rfnd_01KEXAMPLE0REFUND00000000', ...purchase };
const dispute = {
  dispute_id: 'dp_example',
  purchase_id: purchase.purchase_id,
  amount_usd: '27.06',
  reason: 'product not received',
  owed_usd: '0',
};
const limit = {
  subject: 'The workspace “Production”',
  level: 'workspace',
  subject_id: 'wrkspc_01KEXAMPLE0WORKSPACE000',
  limit_usd: '100',
  spent_usd: '80.0934',
  percent: 80,
  action: 'notify_only',
  resets_at: NEXT_MONTH,
};
const grant = {
  grant_id: credited.grant_id,
  amount_usd: '25',
  remaining_usd: '11.207',
  expires_at: NEXT_WEEK,
  days: 7,
};
const key = {
  api_key_id: 'apikey_01KEXAMPLE0KEY00000000000',
  name: 'ci pipeline',
  hint: 'sk-bursar-api01-…9fQ2',
  expires_at: NEXT_WEEK,
  days: 7,
};
const speed = {
  window_minutes: 5,
  spent_usd: '41.2',
  usual_usd: '0.9',
  allowed_usd: '5',
  at: AT,
  api_key_id: key.api_key_id,
  key_name: 'ci pipeline',
  key_hint: key.hint,
  workspace_id: limit.subject_id,
};

/**
 * Every type there is. A name and the fields of its `data` are promises: fields are added, never
 * renamed or taken away. Printed in docs/outgoing-webhooks.md.
 */
export const EVENT_TYPES = {
  'credits.low': { when: 'What is left fell below your mark for alerts.', data: credit },
  'credits.runway_short': {
    when: 'At the pace of the last days, credit lasts only a few days more.',
    data: { balance_usd: '18', days_left: 4, days_mark: 7 },
  },
  'credits.exhausted': {
    when: 'Credit ran out; requests are refused.',
    data: { ...credit, balance_usd: '0', refused: true },
  },
  'credits.recovered': {
    when: 'There is credit again; requests are served.',
    data: { ...credit, balance_usd: '25' },
  },
  'purchase.credited': { when: 'Credits that were bought can be used.', data: credited },
  'purchase.failed': { when: 'A payment did not go through.', data: declined },
  'auto_reload.credited': { when: 'Auto-reload bought credits.', data: credited },
  'auto_reload.failed': {
    when: 'Auto-reload could not buy credits.',
    data: { ...declined, reason: null },
  },
  'auto_reload.paused': {
    when: 'Auto-reload waits until a person has looked at it.',
    data: { ...declined, reason: 'verification_required' },
  },
  'auto_reload.capped': {
    when: 'Auto-reload is needed and held back: by a bound, or for want of a card or an address.',
    data: { reason: 'month_full', balance_usd: '3.2', threshold_usd: '10', until: NEXT_MONTH },
  },
  'refund.paid': { when: 'A payment was given back.', data: refund },
  'refund.failed': { when: 'A refund did not reach the card.', data: refund },
  'dispute.opened': {
    when: 'A payment is disputed; what is left of its credits is frozen.',
    data: dispute,
  },
  'dispute.won': { when: 'A dispute was decided for you; credits are back.', data: dispute },
  'dispute.lost': {
    when: 'A dispute was decided against you.',
    data: { ...dispute, owed_usd: '8.1' },
  },
  'spend_limit.step_reached': { when: 'A part of a spend limit was used.', data: limit },
  'spend_limit.reached': {
    when: 'A spend limit was reached; requests are still served.',
    data: { ...limit, spent_usd: '100.02', percent: 100 },
  },
  'spend_limit.paused': {
    when: 'A spend limit was reached; requests are refused.',
    data: { ...limit, spent_usd: '100', percent: 100, action: 'notify_and_pause' },
  },
  'grant.expiring': { when: 'Credits expire in 30 or 7 days.', data: grant },
  'grant.expiring_soon': { when: 'Credits expire within a day.', data: { ...grant, days: 1 } },
  'card.expiring': {
    when: 'A saved card ends soon.',
    data: { card: 'visa •••• 4242', month: '01/2027', default: true, days: 7 },
  },
  'api_key.expiring': { when: 'An API key ends in 7 days.', data: key },
  'api_key.expiring_soon': { when: 'An API key ends within a day.', data: { ...key, days: 1 } },
  'api_key.paused': {
    when: 'An API key was paused because it spent unlike itself.',
    data: { ...speed, paused: true },
  },
  'spend.anomaly': {
    when: 'A key, or without one the organization, spends more than it ever did in so short a time.',
    data: { ...speed, paused: false },
  },
  'webhook_endpoint.disabled': {
    when: 'An endpoint failed for days or answered 410 and is sent nothing more.',
    data: {
      endpoint_id: 'whend_01KEXAMPLE0ENDPOINT000',
      host: 'hooks.example.com',
      description: 'The accounting system',
      reason: 'failing',
    },
  },
  'webhook.test': {
    when: 'Somebody asked for a test; sent to one endpoint, whatever its types.',
    data: { message: 'This is a test. Nothing happened.' },
  },
} as const satisfies Readonly<Record<string, EventKind>>;

export type EventType = keyof typeof EVENT_TYPES;

export const TEST_TYPE = 'webhook.test';

/** What an endpoint can ask for; a test comes unasked. */
export const SUBSCRIBABLE: readonly EventType[] = Object.keys(EVENT_TYPES)
  .filter(isEventType)
  .filter((type) => type !== TEST_TYPE);

/** For whoever has the name of a type from somewhere else. */
export function isEventType(text: string): text is EventType {
  return Object.hasOwn(EVENT_TYPES, text);
}
