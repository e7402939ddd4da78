import type { Facts } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';

const AT = '2026-11-21T16:33:00.000Z';
const purchase = {
  purchase_id: 'pur_01JD7Q2K3M4N5P6Q7R8S9T0V1W',
  amount_usd: '25',
  tax_usd: '2.06',
  total_usd: '27.06',
  card: 'visa •••• 4242',
};
const paid = { ...purchase, paid_at: AT, expires_at: '2027-11-21T16:33:00.000Z' };
const failed = {
  ...purchase,
  title: 'Not enough money on the card',
  message: 'Your bank says that the card does not have enough money for this payment.',
  next_step: 'Use another card, or add money to this one and try again.',
};
const dispute = {
  dispute_id: 'dp_1QZ',
  purchase_id: purchase.purchase_id,
  amount_usd: '27.06',
  reason: 'product not received',
};
const refund = { ...purchase, refund_id: 'rfnd_01JD7Q2K3M4N5P6Q7R8S9T0V1W' };
const limit = {
  subject: 'The workspace “Production”',
  limit_usd: '100',
  spent_usd: '82.1934',
  percent: 80,
  resets_at: '2026-12-01T00:00:00.000Z',
};
const grant = {
  grant_id: 'grant_01JD7Q2K3M4N5P6Q7R8S9T0V1W',
  amount_usd: '25',
  remaining_usd: '11.207',
  expires_at: '2026-11-28T16:33:00.000Z',
};
const key = { name: 'ci pipeline', hint: 'sk-bursar-api01-…9fQ2', expires_at: AT };
const speed = {
  spent_usd: '41.2',
  usual_usd: '0.9',
  window_minutes: 10,
  at: AT,
};
const credit = { balance_usd: '4.8123', debt_usd: '0', threshold_usd: '5', at: AT };

/** Facts of every kind, as its cause would write them. */
export const SAMPLES: Readonly<Record<NoticeKind, Facts>> = {
  low_balance: credit,
  runway_short: {
    balance_usd: '18',
    days_left: 4,
    days_mark: 7,
  },
  out_of_credit: { ...credit, balance_usd: '0' },
  credit_recovered: { ...credit, balance_usd: '25' },
  starter_credit_given: { amount_usd: '5', expires_at: paid.expires_at },
  receipt: paid,
  reload_made: paid,
  refund_paid: refund,
  refund_failed: refund,
  payment_failed: failed,
  reload_failed: failed,
  reload_paused: { ...failed, reason: 'verification_required' },
  reload_capped: {
    reason: 'month_full',
    balance_usd: '3.2',
    threshold_usd: '10',
    until: '2026-12-01T00:00:00.000Z',
  },
  dispute_opened: dispute,
  dispute_won: dispute,
  dispute_lost: { ...dispute, owed_usd: '8.1' },
  limit_step: limit,
  limit_reached: { ...limit, spent_usd: '100.02', percent: 100 },
  limit_paused: { ...limit, spent_usd: '100', percent: 100 },
  grant_expiring: { ...grant, days: 7 },
  grant_expiring_soon: { ...grant, days: 1 },
  card_expiring: { card: 'visa •••• 4242', month: '11/2026', default: true, days: 7 },
  key_expiring: { ...key, days: 7 },
  key_expiring_soon: { ...key, days: 1 },
  key_spend_anomaly: { ...speed, key_name: 'ci pipeline', key_hint: 'sk-bursar-api01-…9fQ2' },
  organization_spend_anomaly: speed,
  key_paused: { ...speed, key_name: 'ci pipeline', key_hint: 'sk-bursar-api01-…9fQ2' },
  webhook_endpoint_disabled: {
    host: 'hooks.example.com',
    description: 'The accounting system',
    reason: 'failing',
  },
  webhook_silence: { detail: 'none for the last 3 payments', at: AT },
  operator_alarm: {
    alarm: 'stuck_payments',
    sentence: 'payments are processing for more than 15 minutes',
    detail: 'pur_01JD7Q2K3M4N5P6Q7R8S9T0V1W',
    at: AT,
  },
};
