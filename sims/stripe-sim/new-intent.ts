import type Stripe from 'stripe';
import { missing } from './error.ts';
import { idText, newId } from './ids.ts';
import type { Sim } from './sim.ts';

export function intentNamed(sim: Sim, id: string, param?: string): Stripe.PaymentIntent {
  const intent = sim.store.payment_intents.get(id);
  if (intent === undefined) throw missing('payment_intent', id, param);
  return intent;
}

export interface IntentFacts {
  amount: number;
  currency: string;
  customer: string | null;
  description: string | null;
  metadata: Record<string, string>;
  receiptEmail: string | null;
  setupFutureUsage: Stripe.PaymentIntent.SetupFutureUsage | null;
  suffix: string | null;
  taxCalculation?: string | undefined;
  captureMethod?: 'automatic' | 'automatic_async';
  cardOptions?: Partial<CardOptions>;
}

export type CardOptions = Stripe.PaymentIntent.PaymentMethodOptions.Card;

export function newIntent(sim: Sim, facts: IntentFacts): Stripe.PaymentIntent {
  const id = newId(sim, 'pi');
  return sim.store.payment_intents.put({
    id,
    object: 'payment_intent',
    allowed_payment_method_types: ['card'],
    amount: facts.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: facts.captureMethod ?? 'automatic_async',
    client_secret: `${id}_secret_${idText(sim, 'secret', 25)}`,
    confirmation_method: 'automatic',
    created: sim.now(),
    currency: facts.currency,
    customer: facts.customer,
    customer_account: null,
    description: facts.description,
    excluded_payment_method_types: null,
    ...(facts.taxCalculation === undefined
      ? {}
      : { hooks: { inputs: { tax: { calculation: facts.taxCalculation } } } }),
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: facts.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: 'automatic',
        ...facts.cardOptions,
      },
    },
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: facts.receiptEmail,
    review: null,
    setup_future_usage: facts.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: facts.suffix,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  });
}
