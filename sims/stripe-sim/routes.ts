import { balanceTransactionRoutes } from './balance-transactions.ts';
import { chargeRoutes } from './charges.ts';
import { checkoutSessionRoutes } from './checkout-sessions.ts';
import { creditNoteRoutes } from './credit-notes.ts';
import { customerRoutes } from './customers.ts';
import { disputeRoutes } from './disputes.ts';
import { earlyFraudWarningRoutes } from './early-fraud-warnings.ts';
import { StripeFailure } from './error.ts';
import { eventRoutes } from './events.ts';
import { invoiceItemRoutes } from './invoice-items.ts';
import { invoicePaymentRoutes } from './invoice-payments.ts';
import { invoicePreviewRoutes } from './invoice-preview.ts';
import { invoiceRoutes } from './invoices.ts';
import { cardholderRoutes } from './issuing-cardholders.ts';
import { issuedCardRoutes } from './issuing-cards.ts';
import { issuingRoutes } from './issuing-routes.ts';
import { issuingTransactionRoutes } from './issuing-transactions.ts';
import { mandateRoutes } from './mandates.ts';
import { paymentIntentRoutes } from './payment-intents.ts';
import { paymentMethodRoutes } from './payment-method-routes.ts';
import { payoutRoutes } from './payouts.ts';
import { priceRoutes } from './prices.ts';
import { productRoutes } from './products.ts';
import { refundRoutes } from './refunds.ts';
import { reviewRoutes } from './reviews.ts';
import { setupIntentRoutes } from './setup-intents.ts';
import type { Route } from './sim.ts';
import { taxCalculationRoutes } from './tax-calculations.ts';
import { taxIdRoutes } from './tax-ids.ts';
import { taxRateRoutes } from './tax-rates.ts';
import { testClockRoutes } from './test-clocks.ts';
import { topupRoutes } from './topups.ts';
import { webhookEndpointRoutes } from './webhook-endpoints.ts';

export const ROUTES: readonly Route[] = [
  ...customerRoutes,
  ...taxIdRoutes,
  ...taxCalculationRoutes,
  ...checkoutSessionRoutes,
  ...paymentIntentRoutes,
  ...paymentMethodRoutes,
  ...setupIntentRoutes,
  ...mandateRoutes,
  ...chargeRoutes,
  ...balanceTransactionRoutes,
  ...refundRoutes,
  ...disputeRoutes,
  ...earlyFraudWarningRoutes,
  ...payoutRoutes,
  ...invoicePreviewRoutes,
  ...invoiceRoutes,
  ...invoiceItemRoutes,
  ...invoicePaymentRoutes,
  ...creditNoteRoutes,
  ...taxRateRoutes,
  ...testClockRoutes,
  ...reviewRoutes,
  ...eventRoutes,
  ...webhookEndpointRoutes,
  ...productRoutes,
  ...priceRoutes,
  ...cardholderRoutes,
  ...issuedCardRoutes,
  ...issuingRoutes,
  ...issuingTransactionRoutes,
  ...topupRoutes,
];

/** The route of an address, with the variable parts of it. */
export function routeFor(
  method: string,
  path: string,
): { route: Route; id: string; child: string } {
  const parts = path.split('/');
  for (const route of ROUTES) {
    const pattern = route.path.split('/');
    if (route.method !== method || pattern.length !== parts.length) continue;
    if (!pattern.every((part, at) => part.startsWith(':') || part === parts[at])) continue;
    const named = (name: string) => decodeURIComponent(parts[pattern.indexOf(name)] ?? '');
    return { route, id: named(':id'), child: named(':child') };
  }
  throw new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}).`,
  });
}
