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
  invoice: Stripe.Invoice;
  line_item: Stripe.InvoiceLineItem;
  invoiceitem: Stripe.InvoiceItem;
  invoice_payment: Stripe.InvoicePayment;
  credit_note: Stripe.CreditNote;
  credit_note_line_item: Stripe.CreditNoteLineItem;
  tax_rate: Stripe.TaxRate;
  'test_helpers.test_clock': Stripe.TestHelpers.TestClock;
  review: Stripe.Review;
  payout: Stripe.Payout;
  balance: Stripe.Balance;
  topup: Stripe.Topup;
  'issuing.cardholder': Stripe.Issuing.Cardholder;
  'issuing.card': Stripe.Issuing.Card;
  'issuing.authorization': Stripe.Issuing.Authorization;
  'issuing.transaction': Stripe.Issuing.Transaction;
  event: Stripe.Event;
  webhook_endpoint: Stripe.WebhookEndpoint;
  product: Stripe.Product;
  price: Stripe.Price;
  item: Stripe.LineItem;
}
