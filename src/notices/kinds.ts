import type { Topic } from '#notices/topics';

export type Severity = 'urgent' | 'warning' | 'info';

/** Where a mail leads, by what it is for. */
export const PLACES = {
  buy: { label: 'Buy credits', path: '/settings/billing?buy=1' },
  billing: { label: 'Open Billing', path: '/settings/billing' },
  limits: { label: 'Open Limits', path: '/settings/limits' },
  keys: { label: 'Open API keys', path: '/settings/keys' },
  webhooks: { label: 'Open Webhooks', path: '/settings/webhooks' },
  operator: { label: 'Open the operator’s page', path: '/operator' },
} as const;

export interface Kind {
  readonly topic: Topic;
  readonly severity: Severity;
  /** Whether it can wait for the daily summary of those who asked for one. */
  readonly digestible: boolean;
  readonly place: keyof typeof PLACES;
  /** The same for programs; null where they are not told. */
  readonly event: string | null;
}

const kind = (
  topic: Topic,
  severity: Severity,
  place: Kind['place'],
  event: string | null,
  digestible = false,
): Kind => ({ topic, severity, digestible, place, event });

const LATER = true;

/** Every kind of notice there is. Persisted: never renamed. */
export const KINDS = {
  low_balance: kind('balance', 'warning', 'buy', 'credits.low'),
  runway_short: kind('balance', 'warning', 'buy', 'credits.runway_short'),
  out_of_credit: kind('access', 'urgent', 'buy', 'credits.exhausted'),
  credit_recovered: kind('access', 'info', 'billing', 'credits.recovered'),
  receipt: kind('receipts', 'info', 'billing', 'purchase.credited'),
  reload_made: kind('receipts', 'info', 'billing', 'auto_reload.credited'),
  starter_credit_given: kind('receipts', 'info', 'billing', null),
  refund_paid: kind('receipts', 'info', 'billing', 'refund.paid'),
  refund_failed: kind('receipts', 'warning', 'billing', 'refund.failed'),
  payment_failed: kind('payments', 'warning', 'buy', 'purchase.failed'),
  reload_failed: kind('payments', 'warning', 'buy', 'auto_reload.failed'),
  reload_paused: kind('payments', 'urgent', 'buy', 'auto_reload.paused'),
  reload_capped: kind('payments', 'urgent', 'buy', 'auto_reload.capped'),
  dispute_opened: kind('payments', 'urgent', 'billing', 'dispute.opened'),
  dispute_won: kind('payments', 'info', 'billing', 'dispute.won'),
  dispute_lost: kind('payments', 'urgent', 'billing', 'dispute.lost'),
  limit_step: kind('limits', 'info', 'limits', 'spend_limit.step_reached', LATER),
  limit_reached: kind('limits', 'warning', 'limits', 'spend_limit.reached'),
  limit_paused: kind('limits', 'urgent', 'limits', 'spend_limit.paused'),
  grant_expiring: kind('endings', 'info', 'billing', 'grant.expiring', LATER),
  grant_expiring_soon: kind('endings', 'warning', 'billing', 'grant.expiring_soon'),
  card_expiring: kind('endings', 'info', 'billing', 'card.expiring', LATER),
  key_expiring: kind('keys', 'info', 'keys', 'api_key.expiring', LATER),
  key_expiring_soon: kind('keys', 'warning', 'keys', 'api_key.expiring_soon'),
  key_spend_anomaly: kind('safety', 'urgent', 'keys', 'spend.anomaly'),
  organization_spend_anomaly: kind('safety', 'urgent', 'limits', 'spend.anomaly'),
  key_paused: kind('safety', 'urgent', 'keys', 'api_key.paused'),
  webhook_endpoint_disabled: kind('webhooks', 'warning', 'webhooks', 'webhook_endpoint.disabled'),
  webhook_silence: kind('operation', 'warning', 'operator', null),
  operator_alarm: kind('operation', 'urgent', 'operator', null),
} as const satisfies Record<string, Kind>;

export type NoticeKind = keyof typeof KINDS;

export const isNoticeKind = (text: string): text is NoticeKind => Object.hasOwn(KINDS, text);

/** The row of a kind, as every other: its literal type is of no use to a reader. */
export const kindOf = (name: NoticeKind): Kind => KINDS[name];
