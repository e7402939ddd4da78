import { type StripeOptions, stripeProcessor } from '#payments/stripe';
import { stripeBooks } from '#payments/stripe-books';
import { stripeCards } from '#payments/stripe-cards';
import { stripeCharges } from '#payments/stripe-charges';
import { stripeDocuments } from '#payments/stripe-documents';
import { stripeMoneyBack } from '#payments/stripe-money-back';
import { stripeTax } from '#payments/stripe-tax';

/** Everything the card processor does for payments, by port. */
export const stripePorts = (access: StripeOptions) => ({
  processor: stripeProcessor(access),
  books: stripeBooks(access),
  cards: stripeCards(access),
  cardCharges: stripeCharges(access),
  documents: stripeDocuments(access),
  moneyBack: stripeMoneyBack(access),
  tax: stripeTax(access),
});
