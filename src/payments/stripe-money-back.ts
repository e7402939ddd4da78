import type { MoneyBackPort } from '#payments/money-back';
import { connect, type StripeOptions } from '#payments/stripe';
import { stripeDisputes } from '#payments/stripe-disputes';
import { stripeRefunds } from '#payments/stripe-refunds';

/** Refunds, disputes and warnings at Stripe, or at anything that speaks like it. */
export function stripeMoneyBack(options: StripeOptions): MoneyBackPort {
  const stripe = connect(options);
  return { ...stripeRefunds(stripe), ...stripeDisputes(stripe) };
}
