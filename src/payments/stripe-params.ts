import { Fault } from '#kernel/assert';
import { centsExactly } from '#kernel/money';
import { type CheckoutRequest, PURPOSE } from '#payments/processor';

/** One fixed product: the processor's reports group by it, and its tax code decides the tax. */
export const PRODUCT_ID = 'prod_api_credits';
/** "Software as a service, business use" in the processor's list of tax codes. */
export const PRODUCT = { id: PRODUCT_ID, name: 'API credits', tax_code: 'txcd_10103001' } as const;

const DESCRIPTOR_SUFFIX = 'API CREDITS';

/**
 * The body of the request that opens a hosted page (stripe facts 1.2). All that varies in it
 * is stored with the purchase or is its organization's stored customer, never configuration: a
 * repeated request must equal the first, or the key is refused.
 */
export function checkoutParams(request: CheckoutRequest) {
  const tags = {
    purpose: PURPOSE,
    purchase_id: request.purchaseId,
    org_id: request.organizationId,
    env: request.environment,
  };
  return {
    mode: 'payment' as const,
    ui_mode: 'hosted_page' as const,
    submit_type: 'pay' as const,
    locale: 'auto' as const,
    customer: request.customerId,
    client_reference_id: request.purchaseId,
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: 'usd',
          unit_amount: wholeCents(request),
          tax_behavior: 'exclusive' as const,
          product: PRODUCT_ID,
        },
      },
    ],
    billing_address_collection: 'required' as const,
    allowed_payment_method_types: ['card' as const],
    // Credits stay one to one with money.
    allow_promotion_codes: false,
    // The page makes a paid invoice by itself, once there is a payment: a failed one takes no number.
    invoice_creation: { enabled: true, invoice_data: { metadata: tags } },
    payment_intent_data: {
      metadata: tags,
      statement_descriptor_suffix: DESCRIPTOR_SUFFIX,
      // Without the customer's consent the card is forgotten once it has paid.
      ...(request.savesCard === true ? { setup_future_usage: 'off_session' as const } : {}),
    },
    payment_method_options: { card: { request_three_d_secure: 'automatic' as const } },
    metadata: tags,
    expires_at: Math.floor(request.expiresAt.getTime() / 1000),
    success_url: request.returnUrl,
    cancel_url: request.cancelUrl,
    ...taxParams(request),
  };
}

function taxParams(request: CheckoutRequest) {
  if (!request.automaticTax) return {};
  // Whoever gave us an address was quoted a total by it, which must not change on the way.
  if (request.addressOnFile === true) return { automatic_tax: { enabled: true } };
  return {
    automatic_tax: { enabled: true },
    customer_update: { address: 'auto' as const, name: 'auto' as const },
    tax_id_collection: { enabled: true },
  };
}

/** The processor's library counts cents in a number; ours are at most 99,999,999 (eight digits). */
function wholeCents(request: CheckoutRequest): number {
  const cents = centsExactly(request.credit);
  if (cents === undefined || cents <= 0n || cents > 99_999_999n) {
    throw new Fault(`purchase ${request.purchaseId} is not a chargeable number of cents`);
  }
  return Number(cents); // tidy: count, of cents, bounded just above
}
