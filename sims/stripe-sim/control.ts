import type Stripe from 'stripe';
import { z } from 'zod';
import { chargeNamed } from './charges.ts';
import { pay, payBody, payLate } from './control-pay.ts';
import { deliveries, payments } from './control-views.ts';
import type { Deliveries } from './deliveries.ts';
import { closeDispute, escalateInquiry, isOpen } from './dispute-course.ts';
import { disputeNamed, openDispute } from './disputes.ts';
import { warn } from './early-fraud-warnings.ts';
import { invalid, missing } from './error.ts';
import { emit, wants } from './events.ts';
import { faultsSchema } from './faults.ts';
import { idOf } from './ids.ts';
import { setCardholderStatus } from './issuing-cardholders.ts';
import { revokeMandate } from './mandates.ts';
import { intentNamed } from './new-intent.ts';
import { inbox } from './one-time-codes.ts';
import { methodNamed } from './payment-methods.ts';
import { payOut } from './payouts.ts';
import { REFUND_OUTCOMES } from './refund-course.ts';
import { refund } from './refunds.ts';
import { PERCENT } from './settings.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { rollSecret } from './webhook-endpoints.ts';

const settingsBody = z.strictObject({
  tax_rate_percent: z.string().regex(PERCENT).optional(),
  webhook_retry_ms: z.int().min(1).max(3_600_000).optional(),
  clock_offset_ms: z.int().min(0).max(3_200_000_000_000).optional(),
  bank_delay_seconds: z.int().min(0).max(31_536_000).optional(),
  attempts_most: z.int().min(0).max(1_000).optional(),
  event_seed: z.int().min(0).max(2_147_483_647).optional(),
  id_seed: z.int().min(0).max(2_147_483_647).optional(),
  balance_delay_seconds: z.int().min(0).max(31_536_000).optional(),
  rate_limit_per_second: z.int().min(0).max(10_000).optional(),
  block_highest_risk: z.boolean().optional(),
  block_cvc_fail: z.boolean().optional(),
  block_zip_fail: z.boolean().optional(),
  review_elevated_risk: z.boolean().optional(),
});

const DISPUTE_OUTCOMES = ['open', 'inquiry', 'escalate', 'won', 'lost'] as const;

const disputeBody = z.strictObject({
  payment_intent: z.string(),
  outcome: z.enum(DISPUTE_OUTCOMES).default('open'),
  reason: z.string().default('fraudulent'),
  amount: z.int().min(1).optional(),
});

const refundBody = z.strictObject({
  payment_intent: z.string(),
  amount: z.int().min(1).optional(),
  outcome: z.enum(REFUND_OUTCOMES).optional(),
});

const cardUpdateBody = z.strictObject({
  payment_method: z.string(),
  exp_month: z.int().min(1).max(12).optional(),
  exp_year: z.int().optional(),
  last4: z
    .string()
    .regex(/^\d{4}$/)
    .optional(),
});

const warningBody = z.strictObject({
  payment_intent: z.string(),
  fraud_type: z.string().optional(),
});

const cardholderBody = z.strictObject({ status: z.enum(['active', 'inactive', 'blocked']) });

/** What only the server can do. */
export interface Hands {
  reset(): void;
  resend: Deliveries['resend'];
}

/** Answers everything under `/_sim/`; undefined if there is no such route. */
export function control(
  sim: Sim,
  method: string,
  path: string,
  body: string,
  hands: Hands,
): object | undefined {
  const [name, argument] = path.split('/');
  switch (`${method} ${name}`) {
    case 'POST pay':
      return pay(sim, argument ?? '', read(payBody, body));
    case 'POST late_success':
      return payLate(sim, argument ?? '');
    case 'GET faults':
      return sim.faults;
    case 'PUT faults':
      // A fault not named is off: one call describes the whole weather.
      sim.faults = read(faultsSchema, body);
      return sim.faults;
    case 'GET settings':
      return sim.settings();
    case 'PUT settings': {
      const given = Object.entries(read(settingsBody, body)).filter(([, v]) => v !== undefined);
      return sim.store.settings.put({ ...sim.settings(), ...Object.fromEntries(given) });
    }
    case 'GET payments':
      return { data: payments(sim) };
    case 'GET deliveries':
      return { data: deliveries(sim) };
    case 'GET inbox':
      return { data: inbox(sim) };
    case 'POST refunds': {
      const given = read(refundBody, body);
      return refund(sim, NO_REQUEST, {
        paymentIntent: given.payment_intent,
        amount: given.amount,
        metadata: {},
        outcome: given.outcome,
      });
    }
    case 'POST early_fraud_warnings': {
      const given = read(warningBody, body);
      return warn(sim, NO_REQUEST, chargeOf(sim, given.payment_intent), given.fraud_type);
    }
    case 'POST card_updates':
      return updateCard(sim, read(cardUpdateBody, body));
    case 'POST mandates':
      return revokeMandate(sim, argument ?? '');
    case 'POST cardholders':
      return setCardholderStatus(sim, argument ?? '', read(cardholderBody, body).status);
    case 'POST payouts':
      return { data: payOut(sim) };
    case 'POST disputes':
      return dispute(sim, read(disputeBody, body));
    case 'POST resend':
      return { data: resend(sim, argument ?? '', hands) };
    case 'POST roll_secret':
      return rollSecret(sim, argument ?? '');
    case 'POST reset':
      hands.reset();
      return { reset: true };
    default:
      return undefined;
  }
}

function read<T>(schema: z.ZodType<T>, body: string): T {
  let value: unknown;
  try {
    value = body === '' ? {} : JSON.parse(body);
  } catch {
    throw invalid('The body is not JSON.');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problem = result.error.issues[0];
  throw invalid(problem?.message ?? 'Invalid body.', problem?.path.join('.'));
}

/** The event once more, to every endpoint that is there and takes it. */
function resend(sim: Sim, id: string, hands: Hands): object[] {
  const event = sim.store.events.get(id);
  if (event === undefined) throw missing('event', id);
  const endpoints = sim.store.webhook_endpoints.oldestFirst();
  return endpoints
    .filter((endpoint) => wants(endpoint, event.type))
    .map((endpoint) => hands.resend(event, endpoint));
}

/**
 * Opens a dispute or an inquiry; `escalate`, `won` and `lost` act on the one that is open, or on one
 * opened for the purpose.
 */
function dispute(sim: Sim, asked: z.infer<typeof disputeBody>): object {
  const { outcome, reason, amount } = asked;
  const charge = chargeOf(sim, asked.payment_intent);
  const inquiry = outcome === 'inquiry' || outcome === 'escalate';
  const open = () => openDispute(sim, NO_REQUEST, charge, { reason, inquiry, amount });
  if (outcome === 'open' || outcome === 'inquiry') return open();
  const latest = sim.store.disputes
    .newestFirst()
    .find((row) => row.charge === charge.id && isOpen(row));
  const current = latest ?? open();
  if (outcome !== 'escalate') return closeDispute(sim, NO_REQUEST, current, outcome);
  escalateInquiry(sim, current.id);
  return disputeNamed(sim, current.id);
}

/** The network tells of a new date or number; the payment method keeps its id. */
function updateCard(sim: Sim, asked: z.infer<typeof cardUpdateBody>): Stripe.PaymentMethod {
  const before = methodNamed(sim, asked.payment_method);
  const { card } = before;
  if (card === undefined || before.customer === null) {
    throw invalid('Only cards kept with a customer are updated.', 'payment_method');
  }
  const after = sim.store.payment_methods.put({
    ...before,
    card: {
      ...card,
      exp_month: asked.exp_month ?? card.exp_month,
      exp_year: asked.exp_year ?? card.exp_year + 4,
      last4: asked.last4 ?? card.last4,
    },
  });
  const { exp_month: month, exp_year: year, last4 } = card;
  emit(sim, NO_REQUEST, 'payment_method.automatically_updated', after, {
    card: { exp_month: month, exp_year: year, last4 },
  });
  return after;
}

function chargeOf(sim: Sim, paymentIntent: string): Stripe.Charge {
  const intent = intentNamed(sim, paymentIntent, 'payment_intent');
  return chargeNamed(sim, idOf(intent.latest_charge) ?? '', 'payment_intent');
}
