import type Stripe from 'stripe';

/** The SDK's types by the `object` field of what travels; read by the contract test. */
export interface StripeShapes {
  customer: Stripe.Customer;
  tax_id: Stripe.TaxId;
  'tax.calculation': Stripe.Tax.Calculation;
  'tax.calculation_line_item': Stripe.Tax.CalculationLineItem;
  'tax.association': Stripe.Tax.Association;
  setup_intent: Stripe.SetupIntent;
  mandate: Stripe.Mandate;
  'checkout.session': Stripe.Checkout.Session;
  payment_intent: Stripe.PaymentIntent;
  payment_method: Stripe.PaymentMethod;
  charge: Stripe.Charge;
  balance_transaction: Stripe.BalanceTransaction;
  refund: Stripe.Refund;
  dispute: Stripe.Dispute;
  'radar.early_fraud_warning': Stripe.Radar.EarlyFraudWarning;
  payout: Stripe.Payout;
  balance: Stripe.Balance;
  event: Stripe.Event;
  webhook_endpoint: Stripe.WebhookEndpoint;
  product: Stripe.Product;
  price: Stripe.Price;
  item: Stripe.LineItem;
}
