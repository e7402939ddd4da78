import type { JsonObject } from '#kernel/json';

/** One kind of event: when it happens, and an example of what it says. */
export interface EventKind {
  readonly when: string;
  /** Amounts are decimal US dollars in fields ending `_usd`, times RFC 3339 in UTC. */
  readonly data: JsonObject;
}

const IN_A_WEEK = '2027-01-22T12:00:00.000Z';
const PURCHASE = 'pur_01KEXAMPLE0PURCHASE0000000';

/**
 * Every type there is. A name and the fields of its `data` are promises: fields are added, never
 * renamed or taken away. Printed in docs/outgoing-webhooks.md.
 */
export const EVENT_TYPES = {
  'credits.low': {
    when: 'What is left fell below the level set for alerts.',
    data: { available_usd: '9.874', threshold_usd: '10' },
  },
  'credits.exhausted': {
    when: 'Credit ran out; requests are refused.',
    data: { available_usd: '0' },
  },
  'credits.restored': {
    when: 'There is credit again; requests are served.',
    data: { available_usd: '50' },
  },
  'reload.succeeded': {
    when: 'Auto-reload bought credits.',
    data: { purchase_id: PURCHASE, amount_usd: '40', available_usd: '50' },
  },
  'reload.failed': {
    when: 'Auto-reload tried to buy credits, and the card was not charged.',
    data: { purchase_id: PURCHASE, amount_usd: '40', reason: 'insufficient_funds' },
  },
  'reload.capped': {
    when: 'Auto-reload was due and held back by its own limit of a day or a month.',
    data: { cap: 'month', until: IN_A_WEEK },
  },
  'reload.paused': {
    when: 'Auto-reload will not try again until a person acts.',
    data: { reason: 'verification_required' },
  },
  'purchase.credited': {
    when: 'Credits that were bought can be spent.',
    data: { purchase_id: PURCHASE, amount_usd: '25', available_usd: '34.874' },
  },
  'grant.expiring': {
    when: 'Credits expire in 30, 7 or 1 days.',
    data: {
      grant_id: 'grant_01KEXAMPLE0GRANT000000000',
      remaining_usd: '12.5',
      expires_at: IN_A_WEEK,
      days: 7,
    },
  },
  'dispute.opened': {
    when: 'A payment is disputed; what is left of its credits is frozen.',
    data: { dispute_id: 'dp_example', purchase_id: PURCHASE, amount_usd: '25' },
  },
  'dispute.closed': {
    when: 'A dispute was decided.',
    data: { dispute_id: 'dp_example', purchase_id: PURCHASE, amount_usd: '25', outcome: 'won' },
  },
  'key.expiring': {
    when: 'An API key ends soon.',
    data: { api_key_id: 'apikey_01KEXAMPLE0KEY00000000000', name: 'ci', expires_at: IN_A_WEEK },
  },
  'key.paused': {
    when: 'An API key was paused because it spent unlike itself.',
    data: { api_key_id: 'apikey_01KEXAMPLE0KEY00000000000', name: 'ci', spent_usd: '41.2' },
  },
  'limit.reached': {
    when: 'A spend limit was reached.',
    data: {
      level: 'workspace',
      subject_id: 'wrkspc_01KEXAMPLE0WORKSPACE000',
      amount_usd: '100',
      action: 'notify_and_pause',
    },
  },
  'webhook_endpoint.disabled': {
    when: 'An endpoint failed for days or answered 410 and is sent nothing more.',
    data: { endpoint_id: 'whend_01KEXAMPLE0ENDPOINT000', reason: 'failing' },
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
